/*
 * The end of a process in order. The balancer is shown that it ends while it still answers; then it takes nothing new,
 * finishes what it has taken, sends its sockets to others and gives up the leases of what it could not finish. Each part
 * has its share of the time, so that the last, which others wait for, always gets its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpServer } from './adapters/http/server.js'
import type { Traffic } from './adapters/http/traffic/traffic.js'
import type { SocketServer } from './adapters/socket/server.js'
import type { DispatchService } from './dispatch/dispatch.js'

/** Balancers look every few seconds, and believe it the second time. */
const LONGEST_NOTICE_MS = 5_000
/** Nothing came for so long: it is unlikely that something comes in the microseconds in which the port is closed. */
const QUIET_MS = 1_000
/** Requests that came before do not tell that more come. The most patient watchers ask twice a minute. */
const ASKED_WITHIN_MS = 60_000
const NOTICE_SHARE = 0.2
/** What somebody uploads slowly must not keep timers and deliveries from being handed over. */
const REQUESTS_UNTIL_SHARE = 0.5
/** After that there are connections to end, and perhaps a database of our own. */
const ENGINE_UNTIL_SHARE = 0.75

export interface Drainable {
  readonly http: Pick<HttpServer, 'retire' | 'drain' | 'traffic'>
  readonly sockets: Pick<SocketServer, 'sendAway'>
  readonly product: Pick<DispatchService, 'engine' | 'close'>
  /** Absent: whoever ends us knows that nothing is in front. `isWatched`: something looks at `/health`. */
  readonly notice: { readonly isWatched: boolean } | undefined
  readonly withinMs: number
}

export async function drain({ http, sockets, product, notice, withinMs }: Drainable): Promise<void> {
  const begunAt = performance.now()
  const left = (share: number) => Math.max(0, begunAt + share * withinMs - performance.now())
  product.engine.standDown()
  http.retire()
  if (notice !== undefined) {
    await giveNotice(http.traffic, notice.isWatched, Math.min(LONGEST_NOTICE_MS, left(NOTICE_SHARE)))
  }
  // Who is sent away comes to another process if this one is not there any more: first it stops listening.
  const answered = http.drain(left(REQUESTS_UNTIL_SHARE))
  await Promise.all([answered, sockets.sendAway()])
  await product.close({ withinMs: left(ENGINE_UNTIL_SHARE) })
}

/**
 * Serves as before, while every answer ends its connection and `/health` says that this process ends. A watcher of
 * `/health` gets all of the time. Without one there may still be a proxy that goes by what fails: it is served until
 * nothing comes any more. Where nothing has come lately and no client is connected there is nobody to wait for.
 */
async function giveNotice(traffic: Traffic, isWatched: boolean, atMostMs: number): Promise<void> {
  if (isWatched) return delay(atMostMs)
  const endsAt = performance.now() + atMostMs
  let isAsked = traffic.connections.size > 0 || performance.now() - traffic.askedAtMs < ASKED_WITHIN_MS
  for (let leftMs = atMostMs; isAsked && leftMs > 0; leftMs = endsAt - performance.now()) {
    const { asked } = traffic
    await delay(Math.min(QUIET_MS, leftMs))
    isAsked = traffic.asked > asked
  }
}
