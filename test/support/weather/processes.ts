/* Processes of the program that must live through the weather: one that ends unasked is told with its last words. */
import { processEnvironment } from '../server.js'
import { type ServerProcess, startServerProcess } from '../server-process.js'

export interface WeatherProcesses {
  readonly all: readonly ServerProcess[]
  readonly urls: readonly string[]
  /** Starts one more; resolves when it listens. */
  start(): Promise<ServerProcess>
  /** Those that ended though nothing told them to, each with its last lines. */
  dead(): readonly string[]
  /** What was logged as a defect, or printed without the logger as a crash is. */
  defects(): readonly string[]
  /** Ends all in order; rejects when one does not. */
  end(): Promise<void>
  /** Ends those that still live, at once. */
  kill(): Promise<void>
}

/** What a short scenario can wait for: deadlines and cancel windows of seconds. */
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
