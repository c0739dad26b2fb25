import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { openAccount, type TaskDefinition } from '../../support/pipeline/account.js'
import { layCheckout, type Run, readWorkflow, runWorkflow } from '../../support/pipeline/runner.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const SHA = '0123456789abcdef0123456789abcdef01234567'
const IMAGE = `123456789012.dkr.ecr.ap-south-1.amazonaws.com/loadcast:${SHA}`
const workflow = readWorkflow('deploy')
const arnOf = (service: string, revision: number) =>
  `arn:aws:ecs:ap-south-1:123456789012:task-definition/loadcast-${service}:${revision}`

let server: Server
let health: { status: number; body: unknown }
let release: string
beforeAll(async () => {
  const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'))
  release = `${version}+${SHA}`
  server = createServer((_, response) => {
    response.writeHead(health.status, { 'content-type': 'application/json' }).end(JSON.stringify(health.body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

interface Scenario {
  readonly ciRun?: string
  readonly images?: readonly string[]
  readonly docker?: Readonly<Record<string, string>>
  readonly migration?: object
  readonly health?: { status: number; body: unknown }
  /** What a deployment of the service does to it, as the action of 2.6.2 and later sees it. */
  readonly deploying?: Readonly<Record<string, 'rolled back' | 'unnoticed rollback' | 'old task left'>>
  readonly inputs?: Readonly<Record<string, string>>
  readonly failingAction?: string
}

interface Recorded extends Run {
  readonly calls: readonly (readonly string[])[]
  /** The first words of each call, for reading an order. */
  readonly order: readonly string[]
  readonly registered: readonly TaskDefinition[]
}

const stableAt = (service: string, revision: number, tasks = 2) => ({
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], assignPublicIp: 'DISABLED' } },
  deployments: [{ taskDefinition: arnOf(service, revision), rolloutState: 'COMPLETED' }],
  tasks: Array.from({ length: tasks }, () => arnOf(service, revision)),
})

/** Runs the deployment of a scenario. Over 70 lines because it is one set-up, in the order of the pipeline. */
async function deploy(scenario: Scenario = {}): Promise<Recorded> {
  const folder = await temporaryFolder('pipeline')
  const bin = join(folder, 'bin')
  await mkdir(bin)
  layCheckout(folder, scenario.ciRun ?? 'exit 0')
  // What the runner's own machine lacks is no business of this test's.
  await writeFile(join(bin, 'sudo'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  const definition = (name: string) => ({
    name,
    image: 'registry/loadcast:old',
    secrets: [{ name: 'DATABASE_URL', valueFrom: 'arn' }],
  })
  const state = {
    images: scenario.images ?? [],
    docker: scenario.docker ?? {},
    revision: 41,
    definitions: Object.fromEntries(
      ['migrate', 'api', 'worker'].map(name => [`loadcast-${name}`, definition(name)]),
    ),
    registered: [] as TaskDefinition[],
    services: { api: stableAt('api', 41), worker: stableAt('worker', 41) } as Record<
      string,
      ReturnType<typeof stableAt>
    >,
    migration: scenario.migration ?? { exitCode: 0 },
  }
  const account = await openAccount(state, bin)
  health = scenario.health ?? { status: 200, body: { status: 'ok', version: release } }
  const deployService = async (service: string, file: string) => {
    const rendered = JSON.parse(await readFile(join(folder, file), 'utf8'))
    const happens = scenario.deploying?.[service]
    state.registered.push(rendered)
    const isBack = happens === 'rolled back' || happens === 'unnoticed rollback'
    const deployed = stableAt(service, isBack ? 41 : 42)
    if (happens === 'old task left') deployed.tasks[1] = arnOf(service, 41)
    state.services[service] = deployed
    return happens === 'rolled back' ? 'failed' : { 'task-definition-arn': arnOf(service, 42) }
  }
  const run = await runWorkflow(workflow, {
    folder,
    bin,
    environment: { HEALTH_PAUSE_MS: '0' },
    contexts: {
      github: { sha: SHA },
      inputs: scenario.inputs ?? {},
      vars: {
        AWS_DEPLOY_ROLE_ARN: 'arn:aws:iam::123456789012:role/loadcast-deploy',
        AWS_REGION: 'ap-south-1',
        HEALTH_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`,
      },
    },
    async action(name, inputs) {
      if (name === scenario.failingAction) return 'failed'
      if (name === 'aws-actions/amazon-ecr-login') return { registry: IMAGE.split('/')[0] ?? '' }
      if (name !== 'aws-actions/amazon-ecs-deploy-task-definition') return {}
      return await deployService(inputs.service ?? '', inputs['task-definition'] ?? '')
    },
  })
  await account.close()
  const { calls } = account
  const order = calls.map(([name, ...args]) => [name, ...args.slice(0, name === 'aws' ? 2 : 1)].join(' '))
  return { ...run, calls, order, registered: state.registered }
}

describe('a push to main', () => {
  test('R9.3 P4.1 P4.3 is tested, built for linux/amd64, pushed, migrated, deployed, verified and recorded', async () => {
    const { isGreen, order, calls, registered, begun, output } = await deploy()
    expect(output).not.toContain('::error::')
    expect(isGreen).toBe(true)
    expect(order).toEqual([
      'aws ecr describe-images',
      'docker build',
      'docker push',
      'aws ecs describe-task-definition', // the migration …
      'aws ecs register-task-definition',
      'aws ecs describe-services',
      'aws ecs run-task',
      'aws ecs wait',
      'aws ecs describe-tasks',
      'aws logs filter-log-events',
      'aws ecs describe-task-definition', // … the services …
      'aws ecs describe-task-definition',
      'aws ecs describe-services', // … what runs
      'aws ecs list-tasks',
      'aws ecs describe-tasks',
      'aws ecs describe-services',
      'aws ecs list-tasks',
      'aws ecs describe-tasks',
      'aws ssm put-parameter',
    ])
    expect(calls[1]).toEqual([
      ...['docker', 'build', '--platform', 'linux/amd64', '--target', 'production'],
      ...['--build-arg', `RELEASE=${release}`, '--tag', IMAGE, '.'],
    ])
    expect(registered.map(({ family }) => family)).toEqual([
      'loadcast-migrate',
      'loadcast-worker',
      'loadcast-api',
    ])
    for (const { containerDefinitions } of registered) {
      expect(containerDefinitions).toEqual([
        expect.objectContaining({ image: IMAGE, secrets: [{ name: 'DATABASE_URL', valueFrom: 'arn' }] }),
      ])
    }
    // Nothing of the new release serves before its schema is there.
    const at = (step: string) => begun.indexOf(step)
    expect(at('test: Check and test')).toBeLessThan(at('deploy: Build and push the image'))
    expect(at('deploy: Migrate the database')).toBeLessThan(at('deploy: Deploy the workers'))
    expect(begun.at(-1)).toBe('deploy: Record what runs')
  })

  test('R9.3 P4.2 with a failing test deploys nothing: not a single call to AWS or docker', async () => {
    const { isGreen, failedAt, calls, begun } = await deploy({ ciRun: 'echo "1 passed, 1 failed"; exit 1' })
    expect(isGreen).toBe(false)
    expect(failedAt).toBe('test: Check and test')
    expect(calls).toEqual([])
    expect(begun.filter(step => step.startsWith('deploy'))).toEqual([])
  })

  test('by hand, an older image can be deployed again, and is not rebuilt', async () => {
    const older = 'f'.repeat(40)
    const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'))
    const { isGreen, registered, calls, order } = await deploy({
      images: [older],
      inputs: { image_tag: older },
      health: { status: 200, body: { status: 'ok', version: `${version}+${older}` } },
    })
    expect(isGreen).toBe(true)
    expect(order).not.toContain('docker build')
    expect(registered.at(-1)?.containerDefinitions[0]?.image).toBe(IMAGE.replace(SHA, older))
    expect(calls.at(-1)).toEqual(expect.arrayContaining(['put-parameter', older]))
  })

  test.each([
    ['the image does not build', { docker: { build: 'no space left' } }, 'Build and push the image'],
    ['the image cannot be pushed', { docker: { push: 'denied' } }, 'Build and push the image'],
    ['the migration fails', { migration: { exitCode: 1 } }, 'Migrate the database'],
    [
      'the migration never ran',
      { migration: { reason: 'CannotPullContainerError' } },
      'Migrate the database',
    ],
    [
      'the role is not given',
      { failingAction: 'aws-actions/configure-aws-credentials' },
      'Become the deploy role',
    ],
    ['the workers are rolled back', { deploying: { worker: 'rolled back' } }, 'Deploy the workers'],
    ['the api is rolled back', { deploying: { api: 'rolled back' } }, 'Deploy the api'],
  ] as const)('R9.3 P4.3 is red where %s, and what comes after is not begun', async (_, scenario, step) => {
    const { isGreen, failedAt, begun, order } = await deploy(scenario)
    expect(isGreen).toBe(false)
    expect(failedAt).toBe(`deploy: ${step}`)
    expect(begun.at(-1)).toBe(`deploy: ${step}`)
    expect(order).not.toContain('aws ssm put-parameter')
  })

  test.each([
    [
      'a rollback that nobody noticed',
      { deploying: { api: 'unnoticed rollback' } },
      /api was rolled back: it runs .*:41/,
    ],
    [
      'a task of the old revision',
      { deploying: { worker: 'old task left' } },
      /1 tasks of worker are not of .*:42/,
    ],
    [
      'a health of the old version',
      { health: { status: 200, body: { status: 'ok', version: '0.0.9+old' } } },
      /not healthy with version .*: 200, ok, version 0\.0\.9\+old/,
    ],
    ['a bad health', { health: { status: 503, body: { status: 'down', version: 'x' } } }, /503, down/],
  ] as const)('R9.3 P4.3 is red with %s, though the deployment was stable', async (_, scenario, words) => {
    const { isGreen, failedAt, output, order } = await deploy(scenario)
    expect(isGreen).toBe(false)
    expect(failedAt).toBe('deploy: Verify what runs')
    expect(output).toMatch(words)
    expect(order).not.toContain('aws ssm put-parameter')
  })
})
