/*
 * The orderly end of a process. It reports the shutdown on `/health` while it still serves. Then it accepts nothing new,
 * finishes the requests in progress, sends its sockets to other processes and releases the leases of unfinished work.
 * Each step has its share of the time, so the last one, for which other processes wait, always gets its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpServer } from '../adapters/http/server.js'
import type { SocketServer } from '../adapters/socket/server.js'
import type { DispatchService } from '../dispatch/dispatch.js'

/** Balancers check every few seconds, and act on the second failed check. */
const LONGEST_NOTICE_MS = 5_000
/** Share of the notice for health checks. In the rest of it, connections are kept open. */
const WATCHED_SHARE = 0.8
/** After this long without a request, one is unlikely to arrive at the instant the port closes. */
const QUIET_MS = 1_000
/** Older requests do not mean that more will come. The slowest health checks run twice a minute. */
const ASKED_WITHIN_MS = 60_000
const NOTICE_SHARE = 0.2
/** Slow uploads must not delay the handover of timers and deliveries. */
const REQUESTS_UNTIL_SHARE = 0.5
/** The rest of the time is for closing connections, and for stopping an embedded Postgres. */
const ENGINE_UNTIL_SHARE = 0.75

export interface Drainable {
  readonly http: Pick<HttpServer, 'retire' | 'closePort' | 'drain' | 'traffic'>
  readonly sockets: Pick<SocketServer, 'sendAway'>
  readonly product: Pick<DispatchService, 'engine' | 'close'>
  /** Absent if nothing is in front of the process, so no notice is needed. `isWatched`: something checks `/health`. */
  readonly notice: { readonly isWatched: boolean } | undefined
  readonly withinMs: number
}

export async function drain({ http, sockets, product, notice, withinMs }: Drainable): Promise<void> {
  const begunAt = performance.now()
  const left = (share: number) => Math.max(0, begunAt + share * withinMs - performance.now())
  product.engine.standDown()
  const longestMs = Math.min(LONGEST_NOTICE_MS, left(NOTICE_SHARE))
  const isAsked = notice !== undefined && (await giveNotice(http, notice.isWatched, longestMs))
  // Disconnected sockets reach another process only after this one has stopped listening.
  await http.closePort()
  const answered = http.drain(left(REQUESTS_UNTIL_SHARE), isAsked)
  await Promise.all([answered, sockets.sendAway()])
  await product.close({ withinMs: left(ENGINE_UNTIL_SHARE) })
}

/**
 * Serves as before while `/health` reports the shutdown. Returns whether any client was there to notice.
 *
 * Health checks have most of the time to see it, and meanwhile each answer ends its connection. A proxy that relies on
 * failures sends requests until the port is closed. At that instant a request on a new connection could be lost, but not
 * one on an open connection. So in the last part connections are kept until no more requests come. The notice is skipped
 * if no request came lately and no client is connected.
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
