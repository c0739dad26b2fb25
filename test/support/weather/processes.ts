/* Processes of the program that must survive the fault. One that ends unasked is reported with its last lines. */
import { processEnvironment } from '../server/server.js'
import { type ServerProcess, startServerProcess } from '../server/server-process.js'

export interface WeatherProcesses {
  readonly all: readonly ServerProcess[]
  readonly urls: readonly string[]
  /** Starts one more; resolves when it listens. */
  start(): Promise<ServerProcess>
  /** Processes that ended unasked, each with its last lines. */
  dead(): readonly string[]
  /** Lines that were logged as defects or printed without the logger, as a crash is. */
  defects(): readonly string[]
  /** Ends all processes in order; rejects if one fails to. */
  end(): Promise<void>
  /** Kills those that still run. */
  kill(): Promise<void>
}

/** Deadlines and cancel windows of seconds, which a short scenario can outlast. */
export const SHORT_TIMES = {
  BROADCAST_TIMEOUT_SECONDS: '4',
  CANCEL_WINDOW_SECONDS: '1',
  REACH_STEP_SECONDS: '1',
} as const

export async function startWeatherProcesses(
  count: number,
  connectionString: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<WeatherProcesses> {
  const environment = { ...processEnvironment, DATABASE_URL: connectionString, ...SHORT_TIMES, ...settings }
  const all: ServerProcess[] = []
  const start = async () => {
    const started = await startServerProcess(environment)
    all.push(started)
    return started
  }
  await Promise.all(Array.from({ length: count }, start))
  return {
    all,
    get urls() {
      return all.map(({ url }) => url)
    },
    start,
    dead: () =>
      all
        .filter(({ pid }) => !isAlive(pid))
        .map(({ pid, output }) => `process ${pid} has ended: ${lastLines(output())}`),
    defects: () => all.flatMap(({ output }) => output().split('\n').filter(isDefect)),
    async end() {
      const codes = await Promise.all(all.map(one => one.end('SIGTERM')))
      if (codes.some(code => code !== 0)) throw new Error(`Did not end in order: ${codes}`)
    },
    async kill() {
      await Promise.all(all.map(one => one.end('SIGKILL')))
    },
  }
}

/** Node reaps a child as soon as it has ended, so its number is free then. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const lastLines = (output: string) => output.trim().split('\n').slice(-5).join('\n')

/** Pino's level 60 is a defect; a crash of Node names where it threw. */
const isDefect = (line: string) => /"level":60|^node:internal|^Node\.js v/.test(line)
