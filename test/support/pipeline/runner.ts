/*
 * Runs the jobs of a workflow as a GitHub runner does. A job runs after the jobs that it needs have succeeded. Its steps run
 * in order until one fails, each `run` in bash with the variables of workflow, job and step. The test plays the actions.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { repositoryRoot } from '../house/import-rules.js'

export interface Step {
  readonly id?: string
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}

export interface Job {
  readonly needs?: string | string[]
  readonly permissions?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly services?: Readonly<Record<string, { readonly image: string }>>
  readonly steps: readonly Step[]
}

export interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: string[] }>>
  readonly permissions: Readonly<Record<string, string>>
  readonly concurrency: Readonly<Record<string, unknown>>
  readonly jobs: Readonly<Record<string, Job>>
}

export function readWorkflow(name: string): Workflow & { readonly text: string } {
  const text = readFileSync(join(repositoryRoot, '.github/workflows', `${name}.yml`), 'utf8')
  return { ...parse(text), text }
}

type Outputs = Readonly<Record<string, string | undefined>>

export interface World {
  /** A checkout with what the steps need, and the runner's own files. */
  readonly folder: string
  /** A folder that comes first in PATH. */
  readonly bin: string
  readonly environment: Readonly<Record<string, string>>
  readonly contexts: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Plays an action. Returns its outputs, or `failed`. */
  action(name: string, inputs: Readonly<Record<string, string>>): Promise<Outputs | 'failed'>
}

export interface Run {
  readonly isGreen: boolean
  /** The steps that were started, in order, as `job: step`. */
  readonly begun: readonly string[]
  readonly failedAt: string | undefined
  readonly output: string
}

/** A checkout with the real steps. `ciRun` replaces `.ci/run`, which runs this very test. */
export function layCheckout(folder: string, ciRun: string): void {
  mkdirSync(join(folder, '.ci'), { recursive: true })
  writeFileSync(join(folder, '.ci/run'), `#!/bin/sh\n${ciRun}\n`, { mode: 0o755 })
  for (const name of ['deploy', 'package.json']) symlinkSync(join(repositoryRoot, name), join(folder, name))
}

export async function runWorkflow({ jobs }: Workflow, world: World): Promise<Run> {
  const done = new Map<string, boolean>()
  const begun: string[] = []
  let failedAt: string | undefined
  let output = ''
  for (const [jobName, job] of Object.entries(jobs)) {
    if (![job.needs ?? []].flat().every(name => done.get(name))) continue
    const steps: Record<string, { outputs: Outputs }> = {}
    let isFine = true
    for (const step of job.steps) {
      const title = step.name ?? step.uses ?? step.run ?? ''
      begun.push(`${jobName}: ${title.replace(/@.*/, '')}`)
      const scope = { ...world.contexts, steps } as Scope
      const outputs = await runStep(step, job, world, scope, text => {
        output += text
      })
      if (outputs === 'failed') {
        isFine = false
        failedAt = begun.at(-1)
        break
      }
      if (step.id !== undefined) steps[step.id] = { outputs }
    }
    done.set(jobName, isFine)
  }
  const isGreen = Object.keys(jobs).every(name => done.get(name))
  return { isGreen, begun, failedAt, output }
}

type Scope = Readonly<Record<string, unknown>>

async function runStep(
  step: Step,
  job: Job,
  world: World,
  scope: Scope,
  tell: (text: string) => void,
): Promise<Outputs | 'failed'> {
  const filled = (values: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fill(String(value), scope)]))
  if (step.uses !== undefined) return world.action(step.uses.replace(/@.*/, ''), filled(step.with))
  const outputFile = join(world.folder, 'github-output')
  writeFileSync(outputFile, '')
  const child = spawn('bash', ['-eo', 'pipefail', '-c', step.run ?? ''], {
    cwd: world.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${world.bin}:${process.env.PATH}`,
      GITHUB_OUTPUT: outputFile,
      ...world.environment,
      ...filled(job.env),
      ...filled(step.env),
    },
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => tell(String(chunk)))
  const status = await new Promise(resolve => child.once('close', resolve))
  if (status !== 0) return 'failed'
  const lines = readFileSync(outputFile, 'utf8').split('\n').filter(Boolean)
  return Object.fromEntries(lines.map(line => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]))
}

/** Fills in `${{ a.b.c }}` and `${{ a.b || c.d }}`. Our workflows use no more. As on GitHub, a missing value is empty. */
function fill(text: string, scope: Scope): string {
  return text.replace(/\$\{\{\s*(.+?)\s*\}\}/g, (_, expression: string) => {
    for (const path of expression.split('||')) {
      const value = path
        .trim()
        .split('.')
        .reduce<unknown>((object, key) => (object as Record<string, unknown> | undefined)?.[key], scope)
      if (typeof value === 'string' && value !== '') return value
    }
    return ''
  })
}
