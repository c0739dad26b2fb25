/* What the steps of a deployment share: the AWS command line, settings, answers to later steps. */
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'

export const CLUSTER = 'loadcast'

/** A step that cannot go on: the sentence is what the run shows. */
export class StepError extends Error {}

/** The value of a variable that the workflow sets. */
export function required(name) {
  const value = process.env[name]
  if (value) return value
  throw new StepError(`${name} is not set`)
}

/** Runs `aws` and gives its JSON. `undefined` where the error is one that `tolerated` expects. */
export function aws(args, { tolerated } = {}) {
  const { status, stdout, stderr, error } = spawnSync('aws', [...args, '--output', 'json'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error) throw new StepError(`aws could not be started: ${error.message}`)
  if (status === 0) return stdout.trim() === '' ? {} : JSON.parse(stdout)
  if (tolerated?.test(stderr)) return undefined
  throw new StepError(`aws ${args.slice(0, 2).join(' ')} failed: ${stderr.trim()}`)
}

/** Runs a command whose output is for people. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) throw new StepError(`${command} could not be started: ${error.message}`)
  if (status !== 0) throw new StepError(`${command} ${args[0]} failed`)
}

/** For later steps, as the runner reads it. */
export function output(name, value) {
  appendFileSync(required('GITHUB_OUTPUT'), `${name}=${value}\n`)
}

export function say(line) {
  process.stdout.write(`${line}\n`)
}

/** Runs a step; what goes wrong fails it with one line. */
export async function step(work) {
  try {
    await work()
  } catch (error) {
    const isExpected = error instanceof StepError
    process.stdout.write(`::error::${isExpected ? error.message : error.stack}\n`)
    process.exitCode = 1
  }
}

/** The newest revision of `family`, with `image` in place of the one it has, ready to be registered. */
export function renderDefinition(family, image) {
  const { taskDefinition } = aws(['ecs', 'describe-task-definition', '--task-definition', family])
  // What a description has and a registration does not take.
  const {
    taskDefinitionArn,
    revision,
    status,
    requiresAttributes,
    compatibilities,
    registeredAt,
    registeredBy,
    deregisteredAt,
    ...definition
  } = taskDefinition
  const [container, ...others] = definition.containerDefinitions
  if (container === undefined || others.length > 0) {
    throw new StepError(`${family}: Expected one container, found ${others.length + (container ? 1 : 0)}`)
  }
  return { ...definition, containerDefinitions: [{ ...container, image }] }
}
