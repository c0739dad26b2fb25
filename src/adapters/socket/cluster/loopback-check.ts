/*
 * Whether what is published is heard: each process publishes a word for itself every few seconds and listens for it.
 * That finds what no single connection can see: a subscription that hangs without an error, or two connections
 * that ended up on different servers after a failover.
 */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Publisher } from './publisher.js'
import type { Subscriber } from './subscriber.js'

/** One message of some 60 bytes: nothing, even for a hundred processes. */
const EVERY_MS = 5_000
/** Redis that is busy for seconds is slow, not gone. In words, not time: a process that was paused is not deaf. */
const MAX_UNHEARD = 3

export interface LoopbackCheckOptions {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  /** The connections behind them. */
  readonly connections: { readonly publisher: Redis; readonly subscriber: Redis }
  readonly channel: string
  readonly isSharded: boolean
  readonly everyMs?: number
  readonly log: Logger
  /** Heard again, with everything that is subscribed to; for so long something may have been missed. */
  onHeardAgain(deafForMs: number): void
}

export interface LoopbackCheck {
  /** A connection is lost, or several words in a row were not heard. */
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
  /** Absent until a word is heard for the first time: before, there was nothing to miss. */
  let lastHeardAt: number | undefined

  function speak(): void {
    if (isSharded) publisher.spublish(channel, '1')
    else publisher.publish(channel, '1')
  }

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
    if (from.toString() === channel) hear().catch(() => {}) // lost again: the next word tells
  }
  // Behind what subscribes again.
  const onReady = () => setImmediate(speak)
  const both = [connections.publisher, connections.subscriber]
  const timer = setInterval(() => {
    unheard += 1
    if (unheard > MAX_UNHEARD && both.every(redis => redis.status === 'ready')) {
      log.warn({ unheard }, 'what is published in Redis is not heard: connecting again')
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
