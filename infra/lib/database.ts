import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import type * as ec2 from 'aws-cdk-lib/aws-ec2'
import {
  InstanceClass,
  InstanceSize,
  InstanceType,
  Port,
  SecurityGroup,
  SubnetType,
} from 'aws-cdk-lib/aws-ec2'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as logs from 'aws-cdk-lib/aws-logs'
import * as rds from 'aws-cdk-lib/aws-rds'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { NAME } from './names.ts'

const POSTGRES_PORT = 5432

export interface DatabaseProps {
  readonly vpc: ec2.IVpc
  readonly clients: ec2.ISecurityGroup
  readonly key: kms.IKey
}

/** Postgres in two zones, protected against deletion, with seven days of backups. */
export class Database extends Construct {
  readonly instance: rds.DatabaseInstance

  constructor(scope: Construct, id: string, { vpc, clients, key }: DatabaseProps) {
    super(scope, id)
    const engine = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_18_3 })
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      allowAllOutbound: false,
      description: 'Loadcast database',
    })
    securityGroup.addIngressRule(clients, Port.tcp(POSTGRES_PORT), 'tasks')
    this.instance = new rds.DatabaseInstance(this, 'Instance', {
      instanceIdentifier: NAME,
      engine,
      instanceType: InstanceType.of(InstanceClass.M7G, InstanceSize.LARGE),
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [securityGroup],
      publiclyAccessible: false,
      port: POSTGRES_PORT,
      databaseName: NAME,
      // RDS creates the administrator's password, keeps it in Secrets Manager and changes it every seven days.
      credentials: rds.Credentials.fromUsername('loadcast_admin', { encryptionKey: key }),
      manageMasterUserPassword: true,
      multiAz: true,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      deleteAutomatedBackups: false,
      backupRetention: Duration.days(7),
      preferredBackupWindow: '20:00-20:30',
      preferredMaintenanceWindow: 'sun:21:00-sun:21:30',
      copyTagsToSnapshot: true,
      storageEncrypted: true,
      storageEncryptionKey: key,
      storageType: rds.StorageType.GP3,
      allocatedStorage: 100,
      maxAllocatedStorage: 1_000,
      caCertificate: rds.CaCertificate.RDS_CA_RSA2048_G1,
      parameterGroup: parameters(this, engine),
      monitoringInterval: Duration.minutes(1),
      enablePerformanceInsights: true,
      performanceInsightEncryptionKey: key,
      cloudwatchLogsExports: ['postgresql', 'upgrade'],
      autoMinorVersionUpgrade: true,
    })
    for (const name of ['postgresql', 'upgrade']) {
      // Otherwise RDS would create the log groups itself and keep them for ever.
      const group = new logs.LogGroup(this, `Logs-${name}`, {
        logGroupName: `/aws/rds/instance/${NAME}/${name}`,
        retention: logs.RetentionDays.ONE_MONTH,
        removalPolicy: RemovalPolicy.DESTROY,
      })
      this.instance.node.addDependency(group)
    }
    acknowledge(
      this.instance,
      'AwsSolutions-RDS11',
      'Another port hides nothing: only the tasks’ security group reaches it at all.',
    )
    acknowledge(
      this.instance,
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]',
      'RDS itself takes this role to write metrics of the machine, and AWS defines what it needs.',
    )
  }
}

function parameters(scope: Construct, engine: rds.IInstanceEngine): rds.ParameterGroup {
  return new rds.ParameterGroup(scope, 'Parameters', {
    engine,
    description: 'Loadcast: TLS or nothing',
    parameters: {
      'rds.force_ssl': '1',
      // Only slow statements are logged, and without their values: those are personal data.
      log_min_duration_statement: '1000',
      log_parameter_max_length: '0',
    },
  })
}
