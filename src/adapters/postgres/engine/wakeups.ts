/*
 * Wake-ups by LISTEN and NOTIFY, on a connection of their own: NOTIFY takes a global lock when its transaction commits, so
 * it is kept out of the transactions that matter, and batched. One connection listens and another sends. A pooler in
 * transaction mode swallows LISTEN without an error, which only a message from another connection reveals. Without LISTEN,
 * timers are found by polling once a second.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Backoff, backoffMs } from '../../../concurrency/backoff.js'
import type { Wakeups } from '../../../runtime/ports.js'
import { CLIENT_TIMEOUT_MS, LIFETIME_JITTER, LIFETIME_MS } from '../connection/bounded-pool.js'
import type { Client } from '../connection/client.js'
import { createDatabase, type Database } from '../connection/database.js'

const CHANNEL = 'loadcast_wake'
/** A burst of a thousand creates becomes one message. It delays a timer by no more than this. */
const GATHER_MS = 20
/** On a busy server a notification takes a few milliseconds. */
const SELF_TEST_MS = 2_000
/**
 * A second after a connection that worked; up to a minute after repeated failures, for example behind a pooler. Without
 * wake-ups a timer is at most a second late.
 */
const PAUSES: Backoff = { firstMs: 1_000, longestMs: 60_000, spread: [0.5, 1] }

type OnWake = (dueAt: number) => void

export interface WakeupsOptions {
  readonly connectionString: string
  readonly log?: Logger
  /** The database of `connectionString`, if other parts of the process share it. */
  readonly database?: Database
}

export function createWakeups({ connectionString, log, database }: WakeupsOptions): Wakeups {
  const server = database ?? createDatabase(connectionString, log)
  const announcements = server.openPool({
    max: 1,
    query_timeout: CLIENT_TIMEOUT_MS,
    application_name: 'loadcast wakeups',
  })
  const send = (dueAt: number) => announcements.query('select pg_notify($1, $2)', [CHANNEL, String(dueAt)])
  let earliest = Number.POSITIVE_INFINITY
  let gathering: NodeJS.Timeout | undefined
  let listening: Listening | undefined

  async function sendGathered(): Promise<void> {
    clearTimeout(gathering)
    gathering = undefined
    const due = earliest
    earliest = Number.POSITIVE_INFINITY
    await send(due).catch(error => log?.debug({ err: error }, 'could not send a wake-up'))
  }

  return {
    announce(dueAt) {
      earliest = Math.min(earliest, dueAt)
      if (!announcements.ending) gathering ??= setTimeout(sendGathered, GATHER_MS)
    },
    async listen(onWake) {
      listening = startListening({ server, send, onWake, log })
      await listening.hasTried
    },
    async close() {
      await listening?.stop()
      // The last announcement of a process that ends tells the others what it left.
      if (gathering !== undefined) await sendGathered()
      await announcements.end()
    },
  }
}

interface Listening {
  /** Resolves when it listens, or when it finds that it cannot for now. */
  readonly hasTried: Promise<void>
  stop(): Promise<void>
}

interface ListeningParts {
  readonly server: Database
  readonly send: (dueAt: number) => Promise<unknown>
  readonly onWake: OnWake
  readonly log: Logger | undefined
}

/** Listens on one connection at a time; each is closed before the next is opened. */
function startListening({ server, send, onWake, log }: ListeningParts): Listening {
  const stopping = new AbortController()
  let hasWarned = false
  let failures = 0
  let onTried = () => {}
  const hasTried = new Promise<void>(resolve => {
    onTried = resolve
  })

  /** Resolves when a working connection has ended. Throws when none can be made, or when LISTEN does not work on it. */
  async function listenOnce(): Promise<'lost' | 'replaced'> {
    const client = await server.connect({
      query_timeout: CLIENT_TIMEOUT_MS,
      application_name: 'loadcast wakeups',
    })
    const over = endOf(client, server, stopping.signal)
    try {
      if (!(await isHeard(client, send, onWake))) throw new Error('LISTEN receives no notifications')
      hasWarned = false
      failures = 0
      onTried()
      return await over
    } finally {
      await client.end()
    }
  }

  async function keepListening(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        if ((await listenOnce()) === 'replaced') continue
      } catch (error) {
        if (!hasWarned && !stopping.signal.aborted) warn(error)
        hasWarned = true
        onTried()
      }
      failures++
      const pause = delay(backoffMs(PAUSES, failures), undefined, { signal: stopping.signal, ref: false })
      await pause.catch(() => {}) // stopped
    }
  }

  const warn = (error: unknown) =>
    log?.warn(
      { err: error },
      'LISTEN receives no notifications (a pooler in transaction mode?); timers armed by other processes may be a second late',
    )

  const running = keepListening()
  return {
    hasTried,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/**
 * Whether this connection receives a message of another one. It contains a time in the far future, which wakes no
 * process.
 */
async function isHeard(client: Client, send: ListeningParts['send'], onWake: OnWake): Promise<boolean> {
  const probe = Number.MAX_SAFE_INTEGER - Math.floor(Math.random() * 1e9)
  let alarm: NodeJS.Timeout | undefined
  const heard = new Promise<boolean>(resolve => {
    client.on('notification', ({ payload }) =>
      Number(payload) === probe ? resolve(true) : onWake(Number(payload)),
    )
    client.once('end', () => resolve(false))
    alarm = setTimeout(resolve, SELF_TEST_MS, false)
  })
  try {
    await client.query(`listen ${CHANNEL}`)
    await send(probe)
    return await heard
  } finally {
    clearTimeout(alarm)
  }
}

/** Resolves when the connection is lost, has reached its lifetime or must be replaced, or when listening stops. */
function endOf(client: Client, server: Database, signal: AbortSignal): Promise<'lost' | 'replaced'> {
  return new Promise(resolve => {
    const replace = () => end('replaced')
    const lifetime = setTimeout(replace, LIFETIME_MS * (1 - Math.random() * LIFETIME_JITTER))
    lifetime.unref()
    const stopHearing = server.onRetired(replace)
    function end(how: 'lost' | 'replaced'): void {
      clearTimeout(lifetime)
      stopHearing()
      signal.removeEventListener('abort', replace)
      resolve(how)
    }
    client.once('end', () => end('lost'))
    signal.addEventListener('abort', replace)
    if (signal.aborted) replace()
  })
}
