/* The configuration of an installation: a JSON file, which is checked before anything is built from it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Config {
  readonly account: string
  readonly region: string
  /** Two or three zones. They are named here so that nothing has to be looked up. */
  readonly availabilityZones: readonly string[]
  /** The certificate of the name that clients call. */
  readonly certificateArn: string
  /** The recipient of alarms. */
  readonly alarmEmail: string
  /** The repository whose main branch may deploy, by its names and by its numbers, which outlive the names. */
  readonly github: {
    readonly owner: string
    readonly ownerId: string
    readonly repository: string
    readonly repositoryId: string
  }
}

const patterns: Readonly<Record<string, RegExp>> = {
  account: /^\d{12}$/,
  region: /^[a-z]{2}(-[a-z]+)+-\d$/,
  certificateArn: /^arn:aws[a-z-]*:acm:/,
  alarmEmail: /^\S+@\S+$/,
  'github.owner': /^[\w.-]+$/,
  'github.ownerId': /^\d+$/,
  'github.repository': /^[\w.-]+$/,
  'github.repositoryId': /^\d+$/,
}

/** Reads `path`, relative to the folder of this package. Throws an error that names all problems at once. */
export function loadConfig(path: string): Config {
  return checkConfig(JSON.parse(readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')))
}

export function checkConfig(given: Record<string, unknown>): Config {
  const problems: string[] = []
  for (const [name, pattern] of Object.entries(patterns)) {
    const value = name
      .split('.')
      .reduce<unknown>((object, key) => (object as Record<string, unknown>)?.[key], given)
    if (typeof value !== 'string' || !pattern.test(value)) problems.push(`${name}: Expected ${pattern}`)
  }
  const zones = given.availabilityZones
  if (!Array.isArray(zones) || zones.length < 2 || new Set(zones).size !== zones.length) {
    problems.push('availabilityZones: Expected at least two different ones')
  }
  if (problems.length > 0) throw new Error(`Bad configuration:\n  ${problems.join('\n  ')}`)
  return given as unknown as Config
}
