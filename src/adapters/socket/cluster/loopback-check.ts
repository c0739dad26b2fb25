/*
 * Checks that published messages arrive: every few seconds each process publishes a message to itself. This finds
 * failures that no single connection can see: a subscription that hangs without an error, or two connections that
 * reached different servers after a failover.
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Publisher } from './publisher.js'
import type { Subscriber } from './subscriber.js'

/** One message of some 60 bytes. Even a hundred processes cause no load. */
const EVERY_MS = 5_000
/**
 * A Redis that is busy for seconds is slow, not lost. Counted in messages, because a paused process would miscount
 * time.
 */
const MAX_UNHEARD = 3

export interface LoopbackCheckOptions {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  /** The connections of the publisher and the subscriber. */
  readonly connections: { readonly publisher: Redis; readonly subscriber: Redis }
  readonly channel: string
  readonly isSharded: boolean
  readonly everyMs?: number
  readonly log: Logger
  /** All subscriptions work again. Messages may have been lost for `deafForMs`. */
  onHeardAgain(deafForMs: number): void
}

export interface LoopbackCheck {
  /** Whether a connection is lost, or several messages in a row did not arrive. */
  readonly isDeaf: boolean
  stop(): void
}

export function startLoopbackCheck(options: LoopbackCheckOptions): LoopbackCheck {
  const { publisher, subscriber, connections, channel, isSharded, everyMs = EVERY_MS, log } = options
  const event = isSharded ? 'smessageBuffer' : 'messageBuffer'
  let unheard = 0
  let isHeard = false
  let isSettling = false
  let isDeaf = false
  /** Absent until the first message arrives. Before, nothing could be missed. */
  let lastHeardAt: number | undefined

  const speak = () => void (isSharded ? publisher.spublish(channel, '1') : publisher.publish(channel, '1'))

  function lose(): void {
    isHeard = false
    isDeaf = true
  }

  async function hear(): Promise<void> {
    unheard = 0
    if (isHeard) {
      lastHeardAt = performance.now()
      return
    }
    if (isSettling) return
    isSettling = true
    await subscriber.settled().finally(() => {
      isSettling = false
    })
    const missedSince = lastHeardAt
    lastHeardAt = performance.now()
    isHeard = true
    isDeaf = false
    if (missedSince !== undefined) options.onHeardAgain(lastHeardAt - missedSince)
  }

  const onMessage = (from: Buffer) => {
    if (from.toString() === channel) hear().catch(() => {}) // lost again: the next message will show it
  }
  // After ioredis' own listeners for `ready`, which subscribe again.
  const onReady = () => setImmediate(speak)
  const both = [connections.publisher, connections.subscriber]
  const timer = setInterval(() => {
    unheard += 1
    if (unheard > MAX_UNHEARD && both.every(redis => redis.status === 'ready')) {
      log.warn({ unheard }, 'messages published to Redis do not arrive, reconnecting')
      unheard = 0
      lose()
      for (const redis of both) redis.disconnect(true)
    }
    speak()
  }, everyMs).unref()

  if (isSharded) subscriber.ssubscribe(channel)
  else subscriber.subscribe(channel)
  subscriber.on(event, onMessage)
  for (const redis of both) redis.on('ready', onReady)
  connections.subscriber.on('close', lose)
  speak()

  return {
    get isDeaf() {
      return isDeaf
    },
    stop() {
      clearInterval(timer)
      connections.subscriber.off('close', lose)
      for (const redis of both) redis.off('ready', onReady)
    },
  }
}
