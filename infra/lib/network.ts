import { RemovalPolicy } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { PORT } from './names.ts'

/** Three kinds of subnets: public for the balancer, with a way out for the tasks, and isolated for the data. */
export class Network extends Construct {
  readonly vpc: ec2.Vpc
  /** The security group of every task, which may connect to the database and the cache. */
  readonly tasks: ec2.SecurityGroup
  readonly balancer: ec2.SecurityGroup

  constructor(scope: Construct, id: string, availabilityZones: readonly string[]) {
    super(scope, id)
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      availabilityZones: [...availabilityZones],
      // One in each zone, so that tasks reach FCM and ECR when another zone is down.
      natGateways: availabilityZones.length,
      subnetConfiguration: [
        { name: 'public', subnetType: ec2.SubnetType.PUBLIC, mapPublicIpOnLaunch: false },
        { name: 'tasks', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
        { name: 'data', subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      ],
      // Image layers come from S3. This way they avoid the NAT gateways, which charge by the byte.
      gatewayEndpoints: { s3: { service: ec2.GatewayVpcEndpointAwsService.S3 } },
      flowLogs: {
        all: {
          destination: ec2.FlowLogDestination.toCloudWatchLogs(
            new logs.LogGroup(this, 'FlowLogs', {
              retention: logs.RetentionDays.ONE_MONTH,
              removalPolicy: RemovalPolicy.DESTROY,
            }),
          ),
          trafficType: ec2.FlowLogTrafficType.REJECT,
        },
      },
    })
    acknowledge(
      this.vpc,
      'CloudFormation-Validate::W3010',
      'The zones are configuration. To look them up, a synthesis would need the keys of an account.',
    )
    const group = (name: string, allowAllOutbound: boolean) =>
      new ec2.SecurityGroup(this, name, { vpc: this.vpc, allowAllOutbound, description: `Loadcast ${name}` })
    this.balancer = group('balancer', false)
    this.tasks = group('tasks', true)
    this.balancer.addEgressRule(this.tasks, ec2.Port.tcp(PORT), 'the api')
    this.tasks.addIngressRule(this.balancer, ec2.Port.tcp(PORT), 'the balancer')
  }
}
