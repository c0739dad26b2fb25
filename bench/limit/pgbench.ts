/* The limit measured with `pgbench`, which adds almost nothing to the work of the database. Used if it is installed. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Sample } from './sample.js'
import { pgbenchStatement } from './statement.js'

const run = promisify(execFile)

/** Each client uses instances of its own, so no client waits for the lock of another. */
const SCRIPT = `\\set n :first + :client_id * :each + :i
\\set i :i + 1
${pgbenchStatement}
`

/** The version of pgbench as it prints it, or undefined if it is not installed. */
export async function findPgbench(): Promise<string | undefined> {
  try {
    return (await run('pgbench', ['--version'])).stdout.trim()
  } catch {
    return undefined
  }
}

export interface Band {
  /** The first of the instances to use, all of which have the version `expected`. */
  readonly first: number
  readonly each: number
  readonly clients: number
  readonly expected: number
}

/** Returns commits a second, without the time to connect. */
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

/** Reads the rate from the output of pgbench. Throws if it did not run all transactions. */
export function readRate(output: string, count: number): number {
  const done = /transactions actually processed: (\d+)/.exec(output)?.[1]
  const perSecond = /^tps = ([\d.]+) \(without initial connection time\)/m.exec(output)?.[1]
  if (Number(done) !== count || perSecond === undefined)
    throw new Error(`pgbench did not do it all:\n${output}`)
  return Number(perSecond)
}
