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
const NOTICE_SHARE = 0.2
/** What somebody uploads slowly must not keep timers and deliveries from being handed over. */
const REQUESTS_UNTIL_SHARE = 0.5
/** After that there are connections to end, and perhaps a database of our own. */
const ENGINE_UNTIL_SHARE = 0.75

export interface Drainable {
  readonly http: Pick<HttpServer, 'retire' | 'drain'>
  readonly sockets: Pick<SocketServer, 'sendAway'>
  readonly product: Pick<DispatchService, 'engine' | 'close'>
  /** Somebody may look at `/health`, which must say by now that we end. */
  readonly hasNotice: boolean
  readonly withinMs: number
}

export async function drain({ http, sockets, product, hasNotice, withinMs }: Drainable): Promise<void> {
  const begunAt = performance.now()
  const left = (share: number) => Math.max(0, begunAt + share * withinMs - performance.now())
  product.engine.standDown()
  http.retire()
  if (hasNotice) await delay(Math.min(LONGEST_NOTICE_MS, left(NOTICE_SHARE)))
  // Who is sent away comes to another process if this one is not there any more: first it stops listening.
  const answered = http.drain(left(REQUESTS_UNTIL_SHARE))
  await Promise.all([answered, sockets.sendAway()])
  await product.close({ withinMs: left(ENGINE_UNTIL_SHARE) })
}
