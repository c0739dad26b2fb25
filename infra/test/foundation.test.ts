import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { App, Stack } from 'aws-cdk-lib'
import { Match } from 'aws-cdk-lib/assertions'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { addChecks } from '../lib/app.ts'
import { checkConfig } from '../lib/config.ts'
import { synthesized } from './synthesized.ts'

const { foundation, service, pipeline, texts, folder } = synthesized()

test('R9.2 cdk synth: works offline and without keys, and every finding of the checks is answered', () => {
  const { pluginReports } = JSON.parse(readFileSync(join(folder, 'validation-report.json'), 'utf8'))
  assert.deepEqual(
    pluginReports.map(({ conclusion, violations }: { conclusion: string; violations: unknown[] }) => [
      conclusion,
      violations,
    ]),
    [['success', []]],
  )
})

test('the checks are awake: a bucket of no kind of care fails a synthesis', () => {
  const app = new App({ outdir: join(folder, 'awake') })
  new Bucket(new Stack(app, 'Careless'), 'Bucket')
  addChecks(app)
  assert.throws(() => app.synth(), /Validation failed/)
  const report = readFileSync(join(folder, 'awake', 'validation-report.json'), 'utf8')
  assert.match(report, /AwsSolutions-S1\b/)
  assert.match(report, /"conclusion":\s*"failure"/)
})

test('R9.2 P3.3 the database stands in two zones, cannot be deleted, keeps seven days', () => {
  foundation.hasResource('AWS::RDS::DBInstance', {
    Properties: {
      Engine: 'postgres',
      EngineVersion: Match.stringLikeRegexp('^18\\.'),
      MultiAZ: true,
      DeletionProtection: true,
      BackupRetentionPeriod: 7,
      DeleteAutomatedBackups: false,
      StorageEncrypted: true,
      KmsKeyId: Match.anyValue(),
      PubliclyAccessible: false,
      CopyTagsToSnapshot: true,
      MonitoringInterval: 60,
      EnablePerformanceInsights: true,
    },
    // The database stays even if the stack is deleted.
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
  })
})

test('R9.2 the database takes nothing but TLS', () => {
  foundation.hasResourceProperties('AWS::RDS::DBParameterGroup', {
    Parameters: Match.objectLike({ 'rds.force_ssl': '1' }),
  })
})

test('R9.1 RDS keeps the administrator’s password itself: the template has none', () => {
  foundation.hasResourceProperties('AWS::RDS::DBInstance', {
    ManageMasterUserPassword: true,
    MasterUserPassword: Match.absent(),
    MasterUserSecret: { KmsKeyId: Match.anyValue() },
  })
})

test('R9.2 the cache speaks TLS, wants a token and stands in two zones', () => {
  foundation.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
    TransitEncryptionEnabled: true,
    TransitEncryptionMode: 'required',
    AtRestEncryptionEnabled: true,
    AutomaticFailoverEnabled: true,
    MultiAZEnabled: true,
    NumCacheClusters: 2,
    // A reference that is resolved at the deployment, and no value.
    AuthToken: {
      'Fn::Join': ['', ['{{resolve:secretsmanager:', { Ref: Match.anyValue() }, ':SecretString:::}}']],
    },
  })
})

test('R9.2 database and cache are where nothing leads out, and only the tasks get in', () => {
  const subnets = Object.entries(foundation.findResources('AWS::EC2::Subnet'))
  const isolated = subnets
    .filter(([, { Properties }]) => JSON.stringify(Properties.Tags).includes('"Isolated"'))
    .map(([id]) => id)
  assert.equal(isolated.length, 2)
  for (const type of ['AWS::RDS::DBSubnetGroup', 'AWS::ElastiCache::SubnetGroup']) {
    const [group] = Object.values(foundation.findResources(type))
    assert.deepEqual(
      group?.Properties.SubnetIds.map(({ Ref }: { Ref: string }) => Ref),
      isolated,
    )
  }
  const routesOut = Object.values(foundation.findResources('AWS::EC2::Route'))
  assert.ok(routesOut.length > 0)
  assert.ok(routesOut.every(({ Properties }) => !JSON.stringify(Properties.RouteTableId).includes('data')))

  const ingress = Object.values(foundation.findResources('AWS::EC2::SecurityGroupIngress'))
  const doors = ingress.map(({ Properties }) => [
    Properties.FromPort,
    JSON.stringify(Properties.SourceSecurityGroupId).replace(/.*"(Network[a-z]+)\w*".*/, '$1'),
  ])
  assert.deepEqual(doors.map(([port]) => port).sort(), [3000, 5432, 6379])
  for (const [port, from] of doors) assert.equal(from, port === 3000 ? 'Networkbalancer' : 'Networktasks')
  for (const group of Object.values(foundation.findResources('AWS::EC2::SecurityGroup'))) {
    const open = group.Properties.SecurityGroupIngress ?? []
    // The two ports of the balancer. Nothing else is open to an address.
    if (open.length > 0)
      assert.deepEqual(
        open.map((rule: { FromPort: number }) => rule.FromPort),
        [80, 443],
      )
  }
})

test('R9.2 images cannot be replaced under their tag, and are looked through', () => {
  foundation.hasResourceProperties('AWS::ECR::Repository', {
    ImageTagMutability: 'IMMUTABLE',
    ImageScanningConfiguration: { ScanOnPush: true },
    EncryptionConfiguration: { EncryptionType: 'KMS' },
  })
})

test('R9.2 every log is kept for a time, and for a time only', () => {
  const groups = [foundation, service].flatMap(t => Object.values(t.findResources('AWS::Logs::LogGroup')))
  assert.equal(groups.length, 3 + 4)
  for (const { Properties } of groups) assert.equal(Properties.RetentionInDays, 30)
})

test('R9.1 P3.1 no template holds a password, a key or an address with one', () => {
  for (const text of Object.values(texts)) {
    assert.doesNotMatch(text, /postgres:\/\/|redis:\/\/|rediss:\/\/|PRIVATE KEY|AKIA[A-Z0-9]{16}/)
    assert.doesNotMatch(text, /"SecretString":/)
  }
  for (const template of [foundation, service, pipeline]) {
    template.resourceCountIs('AWS::IAM::User', 0)
    template.resourceCountIs('AWS::IAM::AccessKey', 0)
  }
})

test('a configuration that is wrong is refused, with everything at once', () => {
  assert.throws(
    () => checkConfig({ account: '12', github: { owner: 'x' }, availabilityZones: ['a', 'a'] }),
    (error: Error) =>
      ['account', 'region', 'certificateArn', 'github.ownerId', 'availabilityZones'].every(name =>
        error.message.includes(`${name}: Expected`),
      ),
  )
})
