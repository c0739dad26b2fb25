/* The limit sent by `pgbench`, which adds next to nothing to what the database does. Used where it is installed. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Sample } from './sample.js'
import { pgbenchStatement } from './statement.js'

const run = promisify(execFile)

/** Each client goes through instances of its own: a row is nobody else's, so that nobody waits for a lock. */
const SCRIPT = `\\set n :first + :client_id * :each + :i
\\set i :i + 1
${pgbenchStatement}
`

/** Its version in words, or undefined where there is none. */
export async function findPgbench(): Promise<string | undefined> {
  try {
    return (await run('pgbench', ['--version'])).stdout.trim()
  } catch {
    return undefined
  }
}

export interface Band {
  /** The first of the instances that are used, which all have the version `expected`. */
  readonly first: number
  readonly each: number
  readonly clients: number
  readonly expected: number
}

/** Commits a second, without the time for connecting. */
export async function runPgbench(
  connectionString: string,
  folder: string,
  sample: Sample,
  { first, each, clients, expected }: Band,
): Promise<number> {
  const script = join(folder, 'limit.sql')
  await writeFile(script, SCRIPT)
  const variables = Object.entries({ ...sample, first, each, expected, i: 0 })
  const url = new URL(connectionString)
  const { stdout } = await run(
    'pgbench',
    [
      ...['--no-vacuum', '-M', 'prepared', '-c', `${clients}`, '-j', '1', '-t', `${each}`, '-f', script],
      ...variables.flatMap(([name, value]) => ['-D', `${name}=${value}`]),
    ],
    {
      env: {
        ...process.env,
        PGHOST: url.hostname,
        PGPORT: url.port,
        PGUSER: url.username,
        PGPASSWORD: url.password,
        PGDATABASE: url.pathname.slice(1),
      },
    },
  )
  return readRate(stdout, each * clients)
}

/** From what pgbench prints. Throws if it did not do all of it. */
export function readRate(output: string, count: number): number {
  const done = /transactions actually processed: (\d+)/.exec(output)?.[1]
  const perSecond = /^tps = ([\d.]+) \(without initial connection time\)/m.exec(output)?.[1]
  if (Number(done) !== count || perSecond === undefined)
    throw new Error(`pgbench did not do it all:\n${output}`)
  return Number(perSecond)
}
