import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { scaled } from '../engine/pace.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SERVER = 'dist/main.js'
/** A first start creates a database. */
const START_TIMEOUT_MS = 60_000

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** All that it has printed and logged. */
  output(): string
  /** Resolves when the process has ended, with the exit code or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Sends a signal, and resolves like `ended`. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

export interface StartingProcess {
  readonly output: ServerProcess['output']
  /** The exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly end: ServerProcess['end']
}

/** Starts the program without waiting until it listens. */
export function beginServerProcess(env: Readonly<Record<string, string>>, program = SERVER): StartingProcess {
  const { process: running, output, ended } = spawnServer(env, program)
  return {
    output,
    ended,
    end(signal) {
      running.kill(signal)
      return ended
    },
  }
}

/** Starts the program like `npm start`, from the build of the run. Rejects with its output if it ends instead. */
export async function startServerProcess(
  env: Readonly<Record<string, string>>,
  program = SERVER,
): Promise<ServerProcess> {
  const child = spawnServer(env, program)
  const { process: running, output, ended } = child
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      running.kill('SIGKILL')
      reject(new Error(`Not listening in time:\n${output()}`))
    }, scaled(START_TIMEOUT_MS))
    ended.then(code => {
      clearTimeout(timer)
      reject(new Error(`Ended with ${code}:\n${output()}`))
    })
    running.stdout?.on('data', () => {
      // In production there is no banner, only the log.
      const found = /(?:listens on |"url":")(http:[^\s"]+)/.exec(output())?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
  })
  return {
    url,
    pid: running.pid ?? 0,
    output,
    ended,
    end(signal) {
      running.kill(signal)
      return ended
    },
  }
}

/** Runs the program to its end, for starts that must fail. */
export const runServerToEnd = (env: Readonly<Record<string, string>>) => runToEnd(SERVER, env)

/** The same for another program of ours. */
export async function runToEnd(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const { ended, output } = spawnServer(env, program)
  return { code: await ended, output: output() }
}

function spawnServer(
  env: Readonly<Record<string, string>>,
  program = SERVER,
): {
  process: ChildProcess
  ended: Promise<number | NodeJS.Signals>
  output(): string
} {
  const child = spawn(process.execPath, ['--enable-source-maps', '--max-semi-space-size=64', program], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  endWithRun(child)
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
  })
  child.stderr.on('data', chunk => {
    text += chunk
  })
  // `close` comes after all output has been read. `exit` may come before that.
  const ended = new Promise<number | NodeJS.Signals>(resolve =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1)),
  )
  return { process: child, ended, output: () => text }
}

/** Processes that a test has started and not ended, such as one whose sibling failed to start. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A child that no test ends does not keep the run alive, and ends with it. */
function endWithRun(child: ChildProcess): void {
  running.add(child)
  child.once('close', () => running.delete(child))
  child.unref()
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref()
}
