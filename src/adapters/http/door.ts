/*
 * Runs before Express. A request with a body waits here, in a bounded room, until the body has arrived; then it takes an
 * admission place. Files take no place, since they are sent from memory. A request without room is refused here, before
 * Express does any work for it: a refusal must cost admitted requests nothing.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { ProductMeter } from '../../dispatch/ports.js'
import { type Problem, problems } from '../../dispatch/problems.js'
import type { Admission } from './admission.js'
import { pathOf, sendProblem } from './answer.js'
import { letOriginsRead } from './cors.js'
import { hasBody, receiveBody } from './receive-body.js'
import { knownMethod, requestIdOf } from './request-log.js'
import { type AddressCount, type Exchange, exchangeOf } from './traffic/exchange.js'
import type { Traffic } from './traffic/traffic.js'

const RETRY_AFTER_SECONDS = 1
const REPORT_EVERY_MS = 1_000

export interface Door {
  readonly admission: Admission
  readonly traffic: Traffic
  readonly corsOrigins: readonly string[]
  readonly meter: ProductMeter
  readonly log: Logger
  /** Paths that are never refused. */
  isExempt(path: string): boolean
  /** Paths of files. */
  isFile(path: string): boolean
  countAddress(req: IncomingMessage): AddressCount
}

export interface OpenDoor {
  readonly listener: RequestListener
  /** Refuses a request for which there is no room. */
  readonly refuse: RequestListener
}

export function openDoor(listener: RequestListener, door: Door): OpenDoor {
  const { admission, traffic, corsOrigins, meter, isExempt, isFile, countAddress } = door
  const report = reporter(door.log)
  const letRead = letOriginsRead(corsOrigins)

  function refuse(req: IncomingMessage, res: ServerResponse): void {
    res.setHeader('x-request-id', requestIdOf(req.headers['x-request-id']))
    res.setHeader('cache-control', 'no-store')
    letRead(req, res)
    sendProblem(req, res, REFUSAL)
    meter.answered({
      route: 'none',
      method: knownMethod(req.method),
      status: problems[REFUSAL.code].status,
      code: REFUSAL.code,
      ms: 0,
    })
    report()
  }

  function admit(exchange: Exchange, req: IncomingMessage, res: ServerResponse): void {
    if (exchange.admit(admission)) listener(req, res)
    else if (exchange.stage !== 'over') refuse(req, res)
  }

  return {
    refuse,
    listener(req, res) {
      const exchange = exchangeOf(res) ?? traffic.adopt(res)
      const path = pathOf(req)
      // A CORS preflight asks for permission only.
      if (req.method === 'OPTIONS' || isExempt(path)) return listener(req, res)
      const isRead = req.method === 'GET' || req.method === 'HEAD'
      if (isRead && isFile(path)) {
        return traffic.makeRoomToSend(exchange) ? listener(req, res) : refuse(req, res)
      }
      if (isRead || !hasBody(req)) return admit(exchange, req, res)
      exchange.addressCount = countAddress(req)
      if (exchange.addressCount.retryAfterSeconds !== undefined) return admit(exchange, req, res)
      if (admission.isFull()) return refuse(req, res)
      receiveBody(exchange, traffic, () => admit(exchange, req, res))
    },
  }
}

const REFUSAL = {
  code: 'UNAVAILABLE',
  detail: 'The server is overloaded',
  retryAfterSeconds: RETRY_AFTER_SECONDS,
} as const satisfies Problem

/** Logs one line for many refusals, because a line for each would add to the load. */
function reporter(log: Logger): () => void {
  let refused = 0
  return () => {
    if (refused++ > 0) return
    setTimeout(() => {
      log.warn({ refused, withinMs: REPORT_EVERY_MS }, 'overloaded: requests were refused')
      refused = 0
    }, REPORT_EVERY_MS).unref()
  }
}
