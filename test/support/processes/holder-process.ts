import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface Holder {
  readonly pid: number
  /** Its first line: the server it started, or an error. */
  readonly answer: { connectionString: string; dataDir: string; error?: undefined } | { error: string }
  /** Sends the signal and waits for the end. With `group` it goes to the whole process group, as from a terminal. */
  kill(signal: NodeJS.Signals, target?: 'process' | 'group'): Promise<void>
  /** Lets the process stop its Postgres, and waits for its end. */
  stop(): Promise<void>
}

/** Runs embedded-holder.ts, as another user if `uid` and `gid` are given. */
export async function startHolder(dataDir: string, as: { uid?: number; gid?: number } = {}): Promise<Holder> {
  const script = fileURLToPath(new URL('./embedded-holder.ts', import.meta.url))
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    ['--import', 'tsx', script, dataDir],
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true, ...as },
  )
  const ended = once(child, 'exit')
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => [JSON.stringify({ error: `ended with ${code} and said nothing` })]),
  ])
  const pid = child.pid ?? 0
  return {
    pid,
    answer: JSON.parse(line),
    async kill(signal, target = 'process') {
      process.kill(target === 'group' ? -pid : pid, signal)
      await ended
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
