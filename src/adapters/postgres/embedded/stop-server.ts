import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../connection/log.js'
import { EmbeddedPostgresError } from './error.js'
import type { Place } from './place.js'
import { findPostmaster, serverProcesses } from './postmaster.js'
import { errorCode } from './system-error.js'

const POLL_MS = 10
/** A fast shutdown ends with a checkpoint. If it takes longer, an immediate one leaves that work to the next start. */
const FAST_SHUTDOWN_MS = 30_000

/**
 * Ends the server with a fast shutdown: statements in progress are rolled back, sessions are closed, everything is written.
 * Resolves when the process is gone. Does nothing if it is gone already.
 */
export async function stopServer(place: Place, pid: number, log: Log): Promise<void> {
  const isGone = async () =>
    (await findPostmaster(place.data))?.pid !== pid && !serverProcesses(place.data, pid).includes(pid)
  const steps = [
    ['SIGINT', FAST_SHUTDOWN_MS],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const
  for (const [signal, patienceMs] of steps) {
    if (await isGone()) return
    if (signal !== 'SIGINT') log.warn(`Postgres (process ${pid}) has not stopped; sending ${signal}.`)
    kill(pid, signal)
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(POLL_MS)) {
      if (await isGone()) return
    }
  }
  throw new EmbeddedPostgresError(`Postgres (process ${pid}) could not be stopped.`)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}
