/* The resources that outlive every release: network, database, cache, secrets, images. */
import { type App, CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib'
import * as ecr from 'aws-cdk-lib/aws-ecr'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import * as secrets from 'aws-cdk-lib/aws-secretsmanager'
import { acknowledge } from './acknowledge.ts'
import { Cache } from './cache.ts'
import type { Config } from './config.ts'
import { Database } from './database.ts'
import { NAME } from './names.ts'
import { Network } from './network.ts'

/** With a release or two a day, enough to go back some weeks. */
const KEPT_IMAGES = 50

export class FoundationStack extends Stack {
  readonly network: Network
  readonly database: Database
  readonly cache: Cache
  readonly key: kms.Key
  readonly secret: secrets.Secret
  readonly repository: ecr.Repository
  private readonly zones: readonly string[]

  /** The zones of the configuration. Otherwise they would be looked up, with the keys of an account. */
  override get availabilityZones(): string[] {
    return [...this.zones]
  }

  constructor(app: App, config: Config) {
    super(app, 'Foundation', {
      stackName: `${NAME}-foundation`,
      env: { account: config.account, region: config.region },
      terminationProtection: true,
    })
    this.zones = config.availabilityZones
    this.key = new kms.Key(this, 'Key', {
      alias: NAME,
      description: 'Loadcast: database, cache, secrets, images, alarms',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    // Alarms go to an encrypted topic, and a service that publishes there must be able to use its key.
    for (const service of ['cloudwatch.amazonaws.com', 'events.amazonaws.com']) {
      this.key.addToResourcePolicy(
        new iam.PolicyStatement({
          principals: [new iam.ServicePrincipal(service)],
          actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
          resources: ['*'],
          conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
        }),
      )
    }
    this.network = new Network(this, 'Network', config.availabilityZones)
    const inside = { vpc: this.network.vpc, clients: this.network.tasks, key: this.key }
    this.database = new Database(this, 'Database', inside)
    this.cache = new Cache(this, 'Cache', inside)
    // Created with a single value. `rotate-secrets --first` adds all others.
    this.secret = new secrets.Secret(this, 'Secret', {
      secretName: `${NAME}/app`,
      description: 'What the processes read first',
      encryptionKey: this.key,
      generateSecretString: {
        secretStringTemplate: '{}',
        generateStringKey: 'JWT_SECRET',
        passwordLength: 64,
        excludePunctuation: true,
      },
      removalPolicy: RemovalPolicy.RETAIN,
    })
    acknowledge(
      this.secret,
      'AwsSolutions-SMG4',
      'Rotated by npm run rotate-secrets, with an overlap that AWS’s own rotation would not keep.',
    )
    this.repository = new ecr.Repository(this, 'Repository', {
      repositoryName: NAME,
      imageScanOnPush: true,
      // The image that was tested under a tag is the one that runs under it.
      imageTagMutability: ecr.TagMutability.IMMUTABLE,
      encryption: ecr.RepositoryEncryption.KMS,
      encryptionKey: this.key,
      lifecycleRules: [{ maxImageCount: KEPT_IMAGES }],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    new CfnOutput(this, 'SecretArn', { value: this.secret.secretArn })
    new CfnOutput(this, 'RepositoryUri', { value: this.repository.repositoryUri })
    new CfnOutput(this, 'DatabaseAddress', { value: this.database.instance.dbInstanceEndpointAddress })
  }
}
