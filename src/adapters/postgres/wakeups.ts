/*
 * Wake-ups by LISTEN and NOTIFY, on a connection of their own: NOTIFY takes a global lock when its transaction
 * commits, so it is kept out of the transactions that matter, and gathered. A pooler in transaction mode swallows
 * LISTEN without an error; a message to ourselves tells. Without it, timers are found by looking once a second.
 */

import pg from 'pg'
import type { Logger } from 'pino'
import type { Wakeups } from '../../runtime/ports.js'

const CHANNEL = 'loadcast_wake'
/** A burst of a thousand creates is one message; a timer gets no later than this by it. */
const GATHER_MS = 20
/** On a busy server a notification takes a few milliseconds. */
const SELF_TEST_MS = 2_000
const RECONNECT_MS = 1_000

export function createWakeups(options: { connectionString: string; log?: Logger }): Wakeups {
  const { connectionString, log } = options
  let client: Promise<pg.Client | undefined> | undefined
  let current: pg.Client | undefined
  let onMessage: ((dueAt: number) => void) | undefined
  let earliest = Number.POSITIVE_INFINITY
  let gathering: NodeJS.Timeout | undefined
  let reconnecting: NodeJS.Timeout | undefined
  let closed = false

  function connect(): Promise<pg.Client | undefined> {
    client ??= open().catch(error => {
      log?.warn({ err: error }, 'no connection for wake-ups; timers are found by looking once a second')
      forget()
      return undefined
    })
    return client
  }

  async function open(): Promise<pg.Client> {
    const fresh = new pg.Client({ connectionString, application_name: 'loadcast wakeups' })
    current = fresh
    // The end of a connection that has been replaced already says nothing of the one in use.
    const lost = () => {
      if (current === fresh) forget()
    }
    fresh.on('error', lost).on('end', lost)
    fresh.on('notification', ({ payload }) => onMessage?.(Number(payload)))
    await fresh.connect()
    if (onMessage !== undefined) await fresh.query(`listen ${CHANNEL}`)
    return fresh
  }

  /** The connection is gone: listens again on another, soon. */
  function forget(): void {
    client = undefined
    current = undefined
    if (closed || onMessage === undefined || reconnecting !== undefined) return
    reconnecting = setTimeout(() => {
      reconnecting = undefined
      connect()
    }, RECONNECT_MS)
    reconnecting.unref()
  }

  async function send(dueAt: number): Promise<void> {
    const connected = await connect()
    await connected?.query('select pg_notify($1, $2)', [CHANNEL, String(dueAt)])
  }

  async function sendGathered(): Promise<void> {
    clearTimeout(gathering)
    gathering = undefined
    const due = earliest
    earliest = Number.POSITIVE_INFINITY
    await send(due).catch(error => log?.debug({ err: error }, 'a wake-up was lost'))
  }

  /** Whether what is sent is heard: a time in the far future, which wakes nobody. */
  async function isHeard(listener: (dueAt: number) => void): Promise<boolean> {
    const probe = Number.MAX_SAFE_INTEGER - Math.floor(Math.random() * 1e9)
    let alarm: NodeJS.Timeout | undefined
    const heard = new Promise<boolean>(resolve => {
      onMessage = dueAt => (dueAt === probe ? resolve(true) : listener(dueAt))
      alarm = setTimeout(resolve, SELF_TEST_MS, false)
    })
    await send(probe)
    return heard.finally(() => {
      clearTimeout(alarm)
      onMessage = listener
    })
  }

  return {
    announce(dueAt) {
      earliest = Math.min(earliest, dueAt)
      if (!closed) gathering ??= setTimeout(sendGathered, GATHER_MS)
    },
    async listen(listener) {
      onMessage = listener
      const isListening = await connect()
        .then(c => c !== undefined && isHeard(listener))
        .catch(() => false)
      if (!isListening) {
        log?.warn(
          'LISTEN is not heard (a pooler in transaction mode?); timers armed by other processes may be a second late',
        )
      }
    },
    async close() {
      closed = true
      clearTimeout(reconnecting)
      // What a process that ends leaves to others is announced last of all.
      if (gathering !== undefined) await sendGathered()
      const connected = await client
      await connected?.end().catch(() => {})
    },
  }
}
