/*
 * Customers who request a truck that nobody has and cancel, over and over. Each call is one transition. They call either at
 * the pace of the server, or faster than it can answer.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createPoster, type PostAnswer, type Poster } from '../network/post.js'
import { asking } from './fleet.js'
import { tokenFor } from './tokens.js'

const TICK_MS = 10
/** One for each call that may be in progress, because each phone has its own. */
export const MAX_CONNECTIONS = 2_500
const REQUEST = asking(1, 'nobody_has_this')

export interface Call {
  readonly status: number
  readonly retryAfter: string | undefined
  /** When the call was sent, in milliseconds since the run began, and how long it took. */
  readonly sentAt: number
  readonly ms: number
}

export interface Customers {
  /** Keeps `atOnce` calls in progress. Each starts when another has ended. */
  atTheirPace(atOnce: number, seconds: number): Promise<readonly Call[]>
  /**
   * Makes `perSecond` calls a second, without waiting for earlier ones, as long as a customer is idle. Calls that this process
   * cannot make in time are left out. Rejects if a call is not answered. `onSecond` is called after each second.
   */
  evenly(
    perSecond: number,
    seconds: number,
    onSecond?: (second: number) => void | Promise<void>,
  ): Promise<readonly Call[]>
  close(): Promise<void>
}

export interface Customer {
  readonly token: string
  /** The request to cancel next. */
  broadcastId?: string
}

/** Requests a truck, or cancels the last request. */
export async function askOrCancel({ post }: Poster, customer: Customer): Promise<PostAnswer> {
  const { token, broadcastId } = customer
  const answer =
    broadcastId === undefined
      ? await post('/api/v1/broadcasts', token, REQUEST)
      : await post(`/api/v1/broadcasts/${broadcastId}/events`, token, { type: 'cancel' })
  if (answer.status >= 300) return answer
  if (broadcastId === undefined) customer.broadcastId = (JSON.parse(answer.text) as { id: string }).id
  else delete customer.broadcastId
  return answer
}

/** `count` must exceed the calls ever in progress, because a customer makes one call at a time. */
export async function createCustomers(url: string, count: number): Promise<Customers> {
  const poster = createPoster(url, MAX_CONNECTIONS)
  const tokens = await Promise.all(Array.from({ length: count }, (_, i) => tokenFor('customer', `busy-${i}`)))
  const idle: Customer[] = tokens.map(token => ({ token }))

  async function call(begunAt: number): Promise<Call> {
    const customer = idle.pop()
    if (customer === undefined) throw new Error(`more than ${count} calls are in progress`)
    const sentAt = performance.now()
    const { status, retryAfter, text } = await askOrCancel(poster, customer)
    if (status >= 300 && status !== 503) throw new Error(`a call was answered ${status}: ${text}`)
    idle.push(customer)
    return { status, retryAfter, sentAt: sentAt - begunAt, ms: performance.now() - sentAt }
  }

  return {
    async atTheirPace(atOnce, seconds) {
      const begunAt = performance.now()
      const calls: Call[] = []
      const lane = async () => {
        while (performance.now() - begunAt < seconds * 1000) calls.push(await call(begunAt))
      }
      await Promise.all(Array.from({ length: atOnce }, lane))
      return calls
    },
    async evenly(perSecond, seconds, onSecond) {
      const begunAt = performance.now()
      const calls: Promise<Call>[] = []
      let due = 0
      let second = 0
      while (performance.now() - begunAt < seconds * 1000) {
        const elapsed = (performance.now() - begunAt) / 1000
        for (; due < elapsed * perSecond; due++) {
          if (idle.length === 0) continue
          const one = call(begunAt)
          one.catch(() => {}) // Thrown at the end.
          calls.push(one)
        }
        if (elapsed >= second + 1) await onSecond?.(++second)
        await delay(TICK_MS)
      }
      return Promise.all(calls)
    },
    close: poster.close,
  }
}
