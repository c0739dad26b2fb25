import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { createPoster, type Poster } from '../test/support/network/post.js'
import { type Client, createClient, listen } from '../test/support/server/clients.js'
import { askOrCancel, type Customer } from '../test/support/server/customers.js'
import type { ServerProcess } from '../test/support/server/server-process.js'
import { epochMs } from './measure.js'

const CUSTOMERS = 250
/** The promised rate. On a slower machine, set a lower one with the second argument. */
export const EVENTS_PER_SECOND = 500
const SECONDS = 20
/** Covers plans, caches and compiled code of a new process. An empty Redis is also used only after 12 s. */
const WARM_UP_SECONDS = 15
const TICK_MS = 10
const CONNECTIONS = 64

interface Heard {
  readonly id: string
  readonly at: number
}

interface Caller extends Customer {
  readonly poster: Poster
  isBusy: boolean
}

/** All customers request a truck that nobody has and cancel it, again and again, on A. They listen on A and B. */
export async function measureLatency(
  a: ServerProcess,
  b: ServerProcess,
  connectionString: string,
  perSecond = EVENTS_PER_SECOND,
): Promise<void> {
  const customers = await Promise.all(
    Array.from({ length: CUSTOMERS }, (_, i) => createClient(a.url, 'customer', `bench-${i}`)),
  )
  const [near, far] = [await hearAll(a.url, customers), await hearAll(b.url, customers)]
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const poster = createPoster(a.url, CONNECTIONS)
  const callers = customers.map(({ token }): Caller => ({ poster, token, isBusy: false }))
  // At any time, as many create as cancel.
  await Promise.all(callers.filter((_, i) => i % 2 === 0).map(act))
  await drive(callers, perSecond, WARM_UP_SECONDS, 'warming up')
  const begunAt = epochMs()
  loop.enable()
  const { sent, late } = await drive(callers, perSecond, SECONDS, 'measuring')
  loop.disable()
  await poster.close()
  await delay(2_000)
  const recorded = await recordedSince(connectionString, begunAt, [
    'broadcast.created',
    'broadcast.cancelled',
  ])
  const [own, other] = [latencies(near, recorded), latencies(far, recorded)]
  const rate = Math.round(sent / SECONDS)
  console.log(
    `commit on A to a socket on B, ${rate} events/s (${late} left out: the one before was still in progress), ${recorded.size} events`,
  )
  console.log(`  B: ${describe(other)}`)
  console.log(`  A: ${describe(own)}`)
  console.log(`  the bench's own event loop is late by ${(loop.percentile(99) / 1e6).toFixed(1)} ms at p99`)
}

async function hearAll(url: string, customers: readonly Client[]): Promise<Heard[]> {
  const heard: Heard[] = []
  for (const { token } of customers) {
    const { socket } = await listen(url, token)
    socket.onAny((_type, envelope) => heard.push({ id: envelope.id, at: epochMs() }))
  }
  return heard
}

/** Makes `perSecond` calls a second, evenly. Each is one transition and one event for its customer. */
async function drive(
  callers: readonly Caller[],
  perSecond: number,
  seconds: number,
  what: string,
): Promise<{ sent: number; late: number }> {
  const begunAt = performance.now()
  let sent = 0
  let late = 0
  let shown = 0
  while (performance.now() - begunAt < seconds * 1000) {
    const due = Math.floor(((performance.now() - begunAt) / 1000) * perSecond)
    for (; sent < due; sent++) {
      const caller = callers[sent % callers.length]
      if (caller === undefined || caller.isBusy) late += 1
      else act(caller).catch(error => console.error(error))
    }
    const second = Math.floor((performance.now() - begunAt) / 1000)
    if (second > shown) {
      shown = second
      process.stderr.write(`\r${what}: ${second} of ${seconds} s `)
    }
    await delay(TICK_MS)
  }
  process.stderr.write('\n')
  return { sent: sent - late, late }
}

async function act(caller: Caller): Promise<void> {
  caller.isBusy = true
  try {
    const { status, text } = await askOrCancel(caller.poster, caller)
    if (status >= 300) throw new Error(`a call was answered ${status}: ${text}`)
  } finally {
    caller.isBusy = false
  }
}

/** Events of these types: `instance:version:index` → the time at which the database recorded it, inside the commit. */
export async function recordedSince(
  connectionString: string,
  since: number,
  types: readonly string[],
): Promise<Map<string, number>> {
  const pool = new pg.Pool({ connectionString, max: 1 })
  const { rows } = await pool.query<{ id: string; at: number }>(
    `select instance || ':' || version || ':' || index as id, (extract(epoch from recorded_at) * 1000)::float8 as at
     from events where recorded_at >= to_timestamp($1::float8 / 1000) and type = any($2)`,
    [since, types],
  )
  await pool.end()
  return new Map(rows.map(({ id, at }) => [id, at]))
}

/** Milliseconds, in ascending order. */
function latencies(heard: readonly Heard[], recorded: ReadonlyMap<string, number>): number[] {
  const found = heard.flatMap(({ id, at }) => {
    const recordedAt = recorded.get(id.slice(0, id.lastIndexOf(':')))
    return recordedAt === undefined ? [] : [at - recordedAt]
  })
  return found.sort((x, y) => x - y)
}

function describe(sorted: readonly number[]): string {
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1)
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms (${sorted.length} heard)`
}
