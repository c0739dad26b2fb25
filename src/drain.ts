/*
 * The end of a process in order. The balancer is shown that it ends while it still answers; then it takes nothing new,
 * finishes what it has taken, sends its sockets to others and gives up the leases of what it could not finish. Each part
 * has its share of the time, so that the last, which others wait for, always gets its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpServer } from './adapters/http/server.js'
import type { SocketServer } from './adapters/socket/server.js'
import type { DispatchService } from './dispatch/dispatch.js'

/** Balancers look every few seconds, and believe it the second time. */
const LONGEST_NOTICE_MS = 5_000
/** Of the notice; the rest is for connections that are kept. */
const WATCHED_SHARE = 0.8
/** Nothing came for so long: it is unlikely that something comes in the instant in which the port is closed. */
const QUIET_MS = 1_000
/** Requests that came before do not tell that more come. The most patient watchers ask twice a minute. */
const ASKED_WITHIN_MS = 60_000
const NOTICE_SHARE = 0.2
/** What somebody uploads slowly must not keep timers and deliveries from being handed over. */
const REQUESTS_UNTIL_SHARE = 0.5
/** After that there are connections to end, and perhaps a database of our own. */
const ENGINE_UNTIL_SHARE = 0.75

export interface Drainable {
  readonly http: Pick<HttpServer, 'retire' | 'closePort' | 'drain' | 'traffic'>
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
  const longestMs = Math.min(LONGEST_NOTICE_MS, left(NOTICE_SHARE))
  const isAsked = notice !== undefined && (await giveNotice(http, notice.isWatched, longestMs))
  // Sockets that are sent away come to another process only if this one does not listen any more.
  await http.closePort()
  const answered = http.drain(left(REQUESTS_UNTIL_SHARE), isAsked)
  await Promise.all([answered, sockets.sendAway()])
  await product.close({ withinMs: left(ENGINE_UNTIL_SHARE) })
}

/**
 * Serves as before while `/health` says that this process ends; answers whether anybody was there to notice.
 *
 * A watcher of `/health` has most of the time to see it, and each answer ends its connection meanwhile. Behind a proxy that
 * goes by what fails, requests come until the port is closed. A request on a new connection could be lost in that instant,
 * one on a connection that is open cannot: so in the last part connections are kept, until nothing comes any more. Where
 * nothing has come lately and no client is connected there is nobody to wait for.
 */
async function giveNotice(http: Drainable['http'], isWatched: boolean, longestMs: number): Promise<boolean> {
  const { traffic } = http
  const endsAtMs = performance.now() + longestMs
  if (isWatched) {
    http.retire(true)
    await delay(longestMs * WATCHED_SHARE)
    http.retire(false)
  }
  const wasAsked = traffic.connections.size > 0 || performance.now() - traffic.askedAtMs < ASKED_WITHIN_MS
  let isAsked = wasAsked
  for (
    let leftMs = endsAtMs - performance.now();
    isAsked && leftMs > 0;
    leftMs = endsAtMs - performance.now()
  ) {
    const { asked } = traffic
    await delay(Math.min(QUIET_MS, leftMs))
    isAsked = traffic.asked > asked
  }
  return wasAsked
}
