/*
 * The one place that makes connections to Redis. Whatever happens to Redis, a connection made here neither ends
 * the process (no 'error' event is left unheard) nor makes anybody wait: commands have a time limit, the queue of
 * those that wait for a connection has an end, and what was under way when a connection broke is not sent again,
 * for by then it may no longer be true.
 */
import { readFileSync } from 'node:fs'
import { type Command, Redis, type RedisOptions } from 'ioredis'
import { type Backoff, backoffMs } from '../../concurrency/backoff.js'
import { describeAddress, parseRedisUrl, type RedisMode } from './address.js'
import { connectorOf } from './connector.js'
import { assertRedisMode, locator, RedisModeError, type RedisTls } from './locate.js'

/** pino's logger fits. */
export interface RedisLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** The address of Redis from the settings. */
export interface RedisPlace {
  /** `redis://` or `rediss://` (TLS, certificates verified), as REDIS_URL has it. */
  readonly url: string
  /** Defaults to standalone. */
  readonly mode?: RedisMode
}

export interface RedisConnection extends Redis {
  /** The server does not fit REDIS_MODE. The message names the setting to change, without an address. */
  readonly misfit: string | undefined
}

export interface RedisConnectionOptions extends RedisPlace {
  /** What the connection is for: named in Redis' own list of clients, and in the log. */
  readonly purpose: string
  readonly log: RedisLog
  /**
   * One of the connection's keys or channels. All have one hash tag, so one node of a cluster serves them, and the
   * connection goes to that node.
   */
  readonly slotOf?: string
  /**
   * A file of certificates (PEM) that the server's is verified against, instead of those that Node trusts.
   * NODE_EXTRA_CA_CERTS adds to these for the whole process and needs no code.
   */
  readonly caFile?: string
  /** A command without an answer fails after this long. */
  readonly commandTimeoutMs?: number
  /** Commands that may wait for a connection; one more fails at once. */
  readonly maxQueuedCommands?: number
}

/**
 * A hundred times what Redis needs, and more than a busy process takes to come round to its answer; little enough
 * for the one request that finds out that Redis hangs to be answered without it.
 */
export const COMMAND_TIMEOUT_MS = 500
/** A connection that cannot be made in this time is tried again: a lost packet of the handshake costs one second. */
const CONNECT_TIMEOUT_MS = 2_000
/** A connection without an answer for this long is dead, even if TCP has not noticed, and is replaced. */
const HUNG_MS = 5_000
/** NATs and balancers forget quiet connections after minutes. */
const KEEP_ALIVE_MS = 30_000
/** Subscriptions and publications of a moment. Without an end, an outage fills the memory. */
export const MAX_QUEUED_COMMANDS = 1_000

/** When Redis is back, every process is connected within this time. */
const MAX_RETRY_MS = 2_000
/** Half of the pause is jitter, which keeps all processes from coming at once. */
const RETRIES: Backoff = { firstMs: 50, longestMs: MAX_RETRY_MS, spread: [0.5, 1] }

/** What a connection says to introduce itself is not held back by the queue of those that wait for it. */
const INTRODUCTIONS: ReadonlySet<string> = new Set(['auth', 'client', 'hello', 'info', 'readonly', 'select'])

/**
 * Errors that mean "not here" or "not now" for more than a moment, so the connection looks up its server again. They come
 * from a replica, a node that lost the slot, a cluster without a majority, or a master without replicas or cut off.
 */
const MOVED_AWAY = /^(READONLY|MOVED|CLUSTERDOWN|MASTERDOWN|NOREPLICAS) /

/**
 * A connection that is made at its first command, or by `connect()`; it goes on trying for ever, until
 * `disconnect()`. Replies that mean "not here" make it look up the server again.
 */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  const { url, mode = 'standalone', purpose, slotOf = '', commandTimeoutMs = COMMAND_TIMEOUT_MS } = options
  const address = parseRedisUrl(mode, url)
  const tls = address.isTls ? tlsOf(options) : undefined
  const locate = locator({ address, tls, slotOf })
  const redis = new BoundedRedis(options.maxQueuedCommands ?? MAX_QUEUED_COMMANDS, {
    ...address.credentials,
    db: address.database,
    ...(tls === undefined ? {} : { tls }),
    Connector: connectorOf({ address, tls, locate, retryDelayMs: retryStrategy }),
    lazyConnect: true,
    // One permission less for the Redis user.
    disableClientInfo: true,
    connectionName: `loadcast-${purpose}`,
    commandTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Not ioredis' `socketTimeout`: its timer outlives the connection it is for, and then ends the next one.
    keepAlive: KEEP_ALIVE_MS,
    retryStrategy: attempt => retryStrategy(attempt),
    // The limit on waiting is the time limit of each command, not a count of attempts.
    maxRetriesPerRequest: null,
    maxLoadingRetryTime: MAX_RETRY_MS,
    autoResendUnfulfilledCommands: false,
    reconnectOnError: error => MOVED_AWAY.test(error.message),
  })
  tellOutages(redis, options, describeAddress(address))
  return redis
}

/**
 * For the start of a process: throws `RedisModeError` when REDIS_MODE does not fit the server at REDIS_URL. Resolves with
 * false when no server answers; a process starts without Redis, as it runs without it.
 */
export async function assertRedisFits(
  options: RedisPlace & Pick<RedisConnectionOptions, 'caFile'>,
): Promise<boolean> {
  const address = parseRedisUrl(options.mode ?? 'standalone', options.url)
  return await assertRedisMode({ address, tls: address.isTls ? tlsOf(options) : undefined })
}

const tlsOf = ({ caFile }: Pick<RedisConnectionOptions, 'caFile'>): RedisTls =>
  caFile === undefined ? {} : { ca: readFileSync(caFile) }

/** The pause before an attempt to connect, the first of which is 1. Milliseconds. */
export const retryStrategy = (attempt: number, random: () => number = Math.random): number =>
  backoffMs(RETRIES, attempt, random)

/**
 * ioredis queues without end, lets what was under way when a connection broke wait for the next one, and writes each command
 * by itself: here all of one turn of the event loop go out in one write. Its own pipelines would do that too, but making one
 * costs as much as half a search for drivers.
 */
class BoundedRedis extends Redis implements RedisConnection {
  readonly #maxQueued: number
  #isGathering = false
  #lastAnswerAt = 0
  misfit: string | undefined

  constructor(maxQueued: number, options: RedisOptions) {
    super(options)
    this.#maxQueued = maxQueued
    // A node's reply to SSUBSCRIBE when another has the slot. ioredis reports it nowhere else.
    this.on('moved', () => this.disconnect(true))
    this.on('error', (error: Error) => {
      if (error instanceof RedisModeError) this.misfit = error.message
      // An unsolicited reply: a node that gives a slot away ends the subscriptions to it.
      if (error.message.startsWith(UNASKED)) this.disconnect(true)
    })
    this.on('ready', () => {
      this.misfit = undefined
      this.#noteAnswer()
    })
    this.on('close', () => {
      const { commandQueue } = queuesOf(this)
      for (let item = commandQueue.shift(); item !== undefined; item = commandQueue.shift()) {
        item.command.reject(new Error('The connection to Redis was lost before the answer came'))
      }
    })
  }

  /** A pending connection already uses the latest address. Restarting it would delay it, perhaps for ever. */
  override disconnect(reconnect = false): void {
    if (!reconnect || this.status !== 'connecting') super.disconnect(reconnect)
  }

  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const [command] = args
    // Subscribing again, say, ioredis does by itself, and nobody hears if that fails: it must not end the process.
    command.promise.then(
      () => this.#noteAnswer(),
      error => this.#noteFailure(error),
    )
    const { commandQueue, offlineQueue } = queuesOf(this)
    // Also while Redis is slow to answer: a command that ran out of time stays in line for its answer.
    const waiting = commandQueue.length + offlineQueue.length
    if (waiting >= this.#maxQueued && !isIntroduction(command)) {
      command.reject(new Error(`Redis does not answer: ${waiting} commands wait for it already`))
      return command.promise
    }
    this.#gather()
    return super.sendCommand(...args)
  }

  #noteAnswer(): void {
    this.#lastAnswerAt = performance.now()
  }

  #noteFailure(error: Error): void {
    // An error is an answer too: "out of memory", "read only".
    if (error.name === 'ReplyError') this.#noteAnswer()
    else if (this.status === 'ready' && performance.now() - this.#lastAnswerAt > HUNG_MS) {
      this.#noteAnswer()
      this.disconnect(true)
    }
  }

  /** Keeps what is written from now on until this turn of the event loop ends. */
  #gather(): void {
    const { stream } = this
    if (this.#isGathering || stream === undefined) return
    this.#isGathering = true
    stream.cork()
    process.nextTick(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }
}

/** The start of ioredis' message for an answer that belongs to no command. */
const UNASKED = 'Command queue state error'

interface Queue {
  readonly length: number
  shift(): { readonly command: Command } | undefined
}

/** Fields that ioredis' types do not show; tests see that they are still there. */
function queuesOf(redis: Redis): { readonly commandQueue: Queue; readonly offlineQueue: Queue } {
  return redis as unknown as { readonly commandQueue: Queue; readonly offlineQueue: Queue }
}

const isIntroduction = (command: Command) => INTRODUCTIONS.has(command.name.toLowerCase())

/** One line when the connection is lost, one when it is back, however many attempts lie between. */
function tellOutages(redis: Redis, { purpose, log }: RedisConnectionOptions, address: string): void {
  const where = { purpose, redis: address }
  let isLost = false
  redis.on('error', (error: Error) => {
    if (isLost) return
    isLost = true
    log.warn({ ...where, reason: error.message }, 'Redis cannot be reached; trying again')
  })
  redis.on('close', () => {
    if (isLost || redis.status === 'end') return
    isLost = true
    log.warn(where, 'the connection to Redis was lost; trying again')
  })
  redis.on('ready', () => {
    if (isLost) log.info(where, 'Redis is reached again')
    isLost = false
  })
}
