/* The resources that a release changes: the services, and the balancer and alarms around them. */
import { type App, CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import { SubnetType } from 'aws-cdk-lib/aws-ec2'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import * as ssm from 'aws-cdk-lib/aws-ssm'
import { addAlarms } from './alarms.ts'
import { Balancer } from './balancer.ts'
import type { Config } from './config.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { IMAGE_TAG_PARAMETER, NAME, SERVICES, type ServiceName } from './names.ts'
import { operationsTask } from './operations.ts'
import { lagMetric, scaleApi, scaleWorker } from './scaling.ts'
import { migrateTask, servingTask } from './tasks.ts'

export class ServiceStack extends Stack {
  constructor(app: App, config: Config, foundation: FoundationStack) {
    super(app, 'Service', {
      stackName: `${NAME}-service`,
      env: { account: config.account, region: config.region },
      terminationProtection: true,
    })
    const { network } = foundation
    // Resolved when CloudFormation deploys. The pipeline writes it once a release runs.
    const imageTag = ssm.StringParameter.valueForStringParameter(this, IMAGE_TAG_PARAMETER)
    const cluster = new ecs.Cluster(this, 'Cluster', {
      clusterName: NAME,
      vpc: network.vpc,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    })
    const tasks = {
      api: servingTask(this, 'api', foundation, imageTag),
      worker: servingTask(this, 'worker', foundation, imageTag),
      migrate: migrateTask(this, foundation, imageTag),
      operations: operationsTask(this, foundation, imageTag),
    }
    const serve = (name: ServiceName) =>
      new ecs.FargateService(this, `${name}Service`, {
        serviceName: name,
        cluster,
        taskDefinition: tasks[name].definition,
        vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
        securityGroups: [network.tasks],
        assignPublicIp: false,
        // A rolling deployment: new tasks run before old ones end.
        minHealthyPercent: 100,
        maxHealthyPercent: 200,
        // Without an explicit rollback, a failed deployment would stay as it is.
        circuitBreaker: { enable: true, rollback: true },
        enableECSManagedTags: true,
        propagateTags: ecs.PropagatedTagSource.SERVICE,
        ...(name === 'api' ? { healthCheckGracePeriod: Duration.seconds(90) } : {}),
      })
    const services = { api: serve('api'), worker: serve('worker') }
    const balancer = new Balancer(this, 'Balancer', network, config.certificateArn, services.api)
    const lag = lagMetric(
      this,
      SERVICES.map(name => tasks[name].logGroup),
    )
    scaleApi(services.api, balancer.targets)
    scaleWorker(services.worker, lag)
    addAlarms(this, { config, foundation, services, balancer, lag })
    new CfnOutput(this, 'Url', { value: `https://${balancer.loadBalancer.loadBalancerDnsName}` })
    new CfnOutput(this, 'TaskSubnets', {
      value: network.vpc.selectSubnets({ subnetType: SubnetType.PRIVATE_WITH_EGRESS }).subnetIds.join(','),
    })
    new CfnOutput(this, 'TaskSecurityGroup', { value: network.tasks.securityGroupId })
  }
}
