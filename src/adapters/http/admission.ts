/*
 * How many requests may be under way in this process. When more come than it can do, all would wait longer and longer, until
 * each is answered after its caller has gone: whoever is too many hears at once, before anything of the request is read,
 * that it may come back. A crowd that comes once is no such thing, and is worked off.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { ProductMeter } from '../../dispatch/ports.js'
import { type Problem, problems } from '../../dispatch/problems.js'
import { pathOf, sendProblem } from './answer.js'
import { letOriginsRead } from './cors.js'
import { knownMethod, requestIdOf } from './request-log.js'

/** What half of the answers may take, for as long as more come than can be done: people do not notice it. */
const TARGET_MS = 150
/** For so long it may take longer: a crowd of a thousand, all at once, is worked off within it. */
const PATIENCE_MS = 2_000
/** Some hundred answers on a busy process: enough for a median. */
const WINDOW_MS = 200
/** Answers may all be in one commit that takes its time. Without any for so long, nothing is being done. */
const MAX_WINDOW_MS = 1_000
/** Always admitted: they hold a few megabytes, and a slow database answers them better together than a few at a time. */
const LEAST = 128
/** Never more. Each holds some 20 KB, 40 MB in all, and they are two or three seconds of work. */
const MOST = 2_000
/** How fast it opens again: from the least to the most in two seconds. */
const GROWTH = 1.25
const RETRY_AFTER_SECONDS = 1
const REPORT_EVERY_MS = 1_000

export interface Admission {
  /** Notes that a request begins, and answers what to call when it has ended; `undefined`: it is one too many. */
  enter(): (() => void) | undefined
  readonly underWay: number
  /** How many may be under way now. */
  readonly limit: number
}

/** @param now monotonic, in milliseconds */
export function createAdmission(now: () => number = () => performance.now()): Admission {
  let underWay = 0
  let limit = MOST
  let windowBeganAt = now()
  let slowSince: number | undefined
  /** Milliseconds of each answer in this window. */
  let taken: number[] = []

  function look(at: number): void {
    const elapsed = at - windowBeganAt
    if (elapsed < WINDOW_MS || (taken.length === 0 && underWay > 0 && elapsed < MAX_WINDOW_MS)) return
    const isSlow = taken.length === 0 ? underWay > 0 : medianOf(taken) > TARGET_MS
    if (isSlow) {
      slowSince ??= windowBeganAt
      // As many as are done within the target (Little's law: under way = rate × time).
      if (at - slowSince >= PATIENCE_MS) limit = within((taken.length / elapsed) * TARGET_MS)
    } else {
      // An overload that goes on is found again without patience: the limit is what keeps the answers fast.
      if (limit === MOST) slowSince = undefined
      limit = within(limit * GROWTH)
    }
    windowBeganAt = at
    taken = []
  }

  return {
    enter() {
      const begunAt = now()
      look(begunAt)
      if (underWay >= limit) return undefined
      underWay++
      return () => {
        underWay--
        taken.push(now() - begunAt)
      }
    },
    get underWay() {
      return underWay
    },
    get limit() {
      return limit
    },
  }
}

const within = (wanted: number) => Math.round(Math.min(MOST, Math.max(LEAST, wanted)))

function medianOf(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}

export interface Door {
  readonly admission: Admission
  readonly corsOrigins: readonly string[]
  readonly meter: ProductMeter
  readonly log: Logger
  /** Paths that always answer. */
  isExempt(path: string): boolean
}

/**
 * `listener`, for who is admitted. The others are answered here, before Express and all that it does for a request: what
 * refusing costs is taken from those who are in.
 */
export function admitting(listener: RequestListener, door: Door): RequestListener {
  const { admission, corsOrigins, meter, isExempt } = door
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

  return (req, res) => {
    // What a page may ask for is not yet asked for.
    if (req.method === 'OPTIONS' || isExempt(pathOf(req))) return listener(req, res)
    const leave = admission.enter()
    if (leave === undefined) return refuse(req, res)
    res.once('close', leave)
    listener(req, res)
  }
}

const REFUSAL = {
  code: 'UNAVAILABLE',
  detail: 'More requests come than can be done',
  retryAfterSeconds: RETRY_AFTER_SECONDS,
} as const satisfies Problem

/** A line for each would be one more thing to do. */
function reporter(log: Logger): () => void {
  let refused = 0
  return () => {
    if (refused++ > 0) return
    setTimeout(() => {
      log.warn({ refused, withinMs: REPORT_EVERY_MS }, 'more requests come than can be done')
      refused = 0
    }, REPORT_EVERY_MS).unref()
  }
}
