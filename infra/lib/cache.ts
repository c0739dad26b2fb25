import { Fn, RemovalPolicy } from 'aws-cdk-lib'
import type * as ec2 from 'aws-cdk-lib/aws-ec2'
import { Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { CfnReplicationGroup, CfnSubnetGroup } from 'aws-cdk-lib/aws-elasticache'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as secrets from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { NAME } from './names.ts'

const REDIS_PORT = 6379
/** ElastiCache accepts 16 to 128 characters. */
const TOKEN_LENGTH = 64

export interface CacheProps {
  readonly vpc: ec2.IVpc
  readonly clients: ec2.ISecurityGroup
  readonly key: kms.IKey
}

/** Redis for presence and fan-out between processes, with TLS and a token, in two zones. All its data can be rebuilt. */
export class Cache extends Construct {
  readonly group: CfnReplicationGroup
  readonly authToken: secrets.Secret
  /** `host:port` */
  readonly address: string

  constructor(scope: Construct, id: string, { vpc, clients, key }: CacheProps) {
    super(scope, id)
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      allowAllOutbound: false,
      description: 'Loadcast cache',
    })
    securityGroup.addIngressRule(clients, Port.tcp(REDIS_PORT), 'tasks')
    this.authToken = new secrets.Secret(this, 'AuthToken', {
      secretName: `${NAME}/redis-auth`,
      description: 'Opens the cache. REDIS_URL of the secret loadcast/app has it in it.',
      encryptionKey: key,
      generateSecretString: { passwordLength: TOKEN_LENGTH, excludePunctuation: true },
      removalPolicy: RemovalPolicy.RETAIN,
    })
    acknowledge(
      this.authToken,
      'AwsSolutions-SMG4',
      'Changed by hand, while both tokens are accepted: docs/OPERATIONS.md says how.',
    )
    const subnets = new CfnSubnetGroup(this, 'Subnets', {
      description: 'Loadcast: without a way out',
      subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
    })
    this.group = new CfnReplicationGroup(this, 'Group', {
      replicationGroupId: NAME,
      replicationGroupDescription: 'Loadcast: presence and fan-out',
      engine: 'valkey',
      engineVersion: '8.1',
      cacheNodeType: 'cache.m7g.large',
      numCacheClusters: 2,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      atRestEncryptionEnabled: true,
      kmsKeyId: key.keyArn,
      // A reference that CloudFormation resolves when it deploys, so the template never contains the token.
      authToken: this.authToken.secretValue.unsafeUnwrap(),
      cacheSubnetGroupName: subnets.ref,
      securityGroupIds: [securityGroup.securityGroupId],
      port: REDIS_PORT,
      snapshotRetentionLimit: 1,
      autoMinorVersionUpgrade: true,
    })
    this.address = Fn.join(':', [this.group.attrPrimaryEndPointAddress, this.group.attrPrimaryEndPointPort])
    acknowledge(
      this.group,
      'AwsSolutions-AEC5',
      'Another port hides nothing: only the tasks’ security group reaches it at all.',
    )
  }
}
