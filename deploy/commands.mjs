/* Shared by the steps of a deployment: the AWS command line, settings, and outputs for later steps. */
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'

export const CLUSTER = 'loadcast'

/** A step cannot continue. The run shows the message, which is a sentence. */
export class StepError extends Error {}

/** The value of a variable that the workflow sets. */
export function required(name) {
  const value = process.env[name]
  if (value) return value
  throw new StepError(`${name} is not set`)
}

/** Runs `aws` and returns its JSON. Returns `undefined` if it fails with an error that `tolerated` matches. */
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

/** Runs a command whose output goes to the log of the run. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) throw new StepError(`${command} could not be started: ${error.message}`)
  if (status !== 0) throw new StepError(`${command} ${args[0]} failed`)
}

/** Sets an output of this step, which the runner passes to later steps. */
export function output(name, value) {
  appendFileSync(required('GITHUB_OUTPUT'), `${name}=${value}\n`)
}

export function say(line) {
  process.stdout.write(`${line}\n`)
}

/** Runs a step. A failure fails the step with one line. */
export async function step(work) {
  try {
    await work()
  } catch (error) {
    const isExpected = error instanceof StepError
    process.stdout.write(`::error::${isExpected ? error.message : error.stack}\n`)
    process.exitCode = 1
  }
}

/** The newest revision of `family` with `image` instead of its own image, ready to be registered. */
export function renderDefinition(family, image) {
  const { taskDefinition } = aws(['ecs', 'describe-task-definition', '--task-definition', family])
  // Fields that a description has and a registration refuses.
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
