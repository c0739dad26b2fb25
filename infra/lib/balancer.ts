import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import type * as ec2 from 'aws-cdk-lib/aws-ec2'
import { Peer, Port } from 'aws-cdk-lib/aws-ec2'
import type * as ecs from 'aws-cdk-lib/aws-ecs'
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { PORT } from './names.ts'
import type { Network } from './network.ts'

/** Socket.IO sends a ping every 25 s, so a connection that is silent for this long is dead. */
const IDLE_TIMEOUT = Duration.seconds(120)
/**
 * A Multi-AZ failover takes one to two minutes, in which every process reports that Postgres is down. ECS replaces tasks
 * that the balancer gives up on, but new ones would not be better. So the balancer gives up only after 150 s.
 */
const HEALTH = { interval: Duration.seconds(15), timeout: Duration.seconds(5), unhealthyThresholdCount: 10 }

export class Balancer extends Construct {
  readonly loadBalancer: elb.ApplicationLoadBalancer
  readonly targets: elb.ApplicationTargetGroup

  constructor(
    scope: Construct,
    id: string,
    network: Network,
    certificateArn: string,
    service: ecs.FargateService,
  ) {
    super(scope, id)
    const { balancer: securityGroup } = network
    const vpc: ec2.IVpc = network.vpc
    this.loadBalancer = new elb.ApplicationLoadBalancer(this, 'LoadBalancer', {
      vpc,
      internetFacing: true,
      securityGroup,
      idleTimeout: IDLE_TIMEOUT,
      dropInvalidHeaderFields: true,
      deletionProtection: true,
    })
    this.loadBalancer.logAccessLogs(this.accessLogs())
    this.loadBalancer.addListener('Http', { port: 80, open: false, defaultAction: toHttps })
    securityGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(80), 'sent on to HTTPS')
    securityGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(443), 'clients')
    this.targets = new elb.ApplicationTargetGroup(this, 'Targets', {
      vpc,
      port: PORT,
      protocol: elb.ApplicationProtocol.HTTP,
      targetType: elb.TargetType.IP,
      targets: [service],
      // Sockets last for hours. A new one must go to the task with the fewest, not to the next in turn.
      loadBalancingAlgorithmType: elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
      deregistrationDelay: Duration.seconds(30),
      healthCheck: { path: '/health', healthyHttpCodes: '200', healthyThresholdCount: 2, ...HEALTH },
    })
    this.loadBalancer.addListener('Https', {
      port: 443,
      open: false,
      certificates: [elb.ListenerCertificate.fromArn(certificateArn)],
      sslPolicy: elb.SslPolicy.RECOMMENDED_TLS,
      defaultTargetGroups: [this.targets],
    })
    acknowledge(
      securityGroup,
      'AwsSolutions-EC23',
      'Clients are anywhere, and this is the only public entrance.',
    )
  }

  private accessLogs(): s3.Bucket {
    const bucket = new s3.Bucket(this, 'AccessLogs', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [{ expiration: Duration.days(90) }],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    acknowledge(
      bucket,
      'AwsSolutions-S1',
      'It holds logs. Logging the access to them as well would never end.',
    )
    return bucket
  }
}

const toHttps = elb.ListenerAction.redirect({ protocol: 'HTTPS', port: '443', permanent: true })
