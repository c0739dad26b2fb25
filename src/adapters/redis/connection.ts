/*
 * The only place that makes connections to Redis. A failing Redis can neither end the process, since every 'error' event
 * has a listener, nor make callers wait for long. Commands have a time limit, and the queue for a connection is bounded.
 * Commands that were in progress when a connection broke are not sent again, because they may be outdated by then.
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
  /** `redis://` or `rediss://` (TLS, certificates verified), the value of REDIS_URL. */
  readonly url: string
  /** Defaults to standalone. */
  readonly mode?: RedisMode
}

export interface RedisConnection extends Redis {
  /** The server does not fit REDIS_MODE. The message names the setting to change, without an address. */
  readonly misfit: string | undefined
}

export interface RedisConnectionOptions extends RedisPlace {
  /** What the connection is for. Redis shows it in its list of clients, and the log names it. */
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
 * A hundred times as long as Redis needs, and longer than a busy process takes to read the answer. It is still short
 * enough that the one request that finds Redis hanging can be answered without it.
 */
export const COMMAND_TIMEOUT_MS = 500
/** A connection attempt that takes longer is repeated. A lost packet of the handshake costs one second. */
const CONNECT_TIMEOUT_MS = 2_000
/** A connection without an answer for this long is dead, even if TCP has not noticed, and is replaced. */
const HUNG_MS = 5_000
/** NATs and balancers drop idle connections after some minutes. */
const KEEP_ALIVE_MS = 30_000
/** As many as a process subscribes and publishes at one moment. Without a bound, an outage would fill the memory. */
export const MAX_QUEUED_COMMANDS = 1_000

/** When Redis is back, every process is connected within this time. */
const MAX_RETRY_MS = 2_000
/** Half of the pause is jitter, which keeps all processes from coming at once. */
const RETRIES: Backoff = { firstMs: 50, longestMs: MAX_RETRY_MS, spread: [0.5, 1] }

/** Commands that set up a connection. They skip the queue of commands that wait for it. */
const INTRODUCTIONS: ReadonlySet<string> = new Set(['auth', 'client', 'hello', 'info', 'readonly', 'select'])

/**
 * Errors that mean "not here" or "not now" for more than a moment, so the connection looks up its server again. They come
 * from a replica, a node that lost the slot, a cluster without a majority, or a master without replicas or cut off.
 */
const MOVED_AWAY = /^(READONLY|MOVED|CLUSTERDOWN|MASTERDOWN|NOREPLICAS) /

/**
 * A connection that is made at its first command, or by `connect()`. It retries for ever, until `disconnect()`. Replies
 * that mean "not here" make it look up the server again.
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
    // Saves a permission of the Redis user.
    disableClientInfo: true,
    connectionName: `loadcast-${purpose}`,
    commandTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // ioredis' `socketTimeout` is not used: its timer outlives its connection, and then ends the next one.
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

/** The pause before a retry, in milliseconds; the first attempt is 1. */
export const retryStrategy = (attempt: number, random: () => number = Math.random): number =>
  backoffMs(RETRIES, attempt, random)

/**
 * Corrects three behaviours of ioredis. Its queue has no bound. Commands in progress on a broken connection wait for the
 * next one. Each command is written by itself, while here all commands of one turn of the event loop go out in one write.
 * ioredis' pipelines would do that too, but creating one costs as much as half a search for drivers.
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
    // ioredis itself resubscribes, for example, and nobody handles its promise: a failure must not end the process.
    command.promise.then(
      () => this.#noteAnswer(),
      error => this.#noteFailure(error),
    )
    const { commandQueue, offlineQueue } = queuesOf(this)
    // Counts also while Redis is slow: a command that timed out stays in the queue until its answer comes.
    const waiting = commandQueue.length + offlineQueue.length
    if (waiting >= this.#maxQueued && !isIntroduction(command)) {
      command.reject(new Error(`Redis does not answer: ${waiting} commands are waiting already`))
      return command.promise
    }
    this.#gather()
    return super.sendCommand(...args)
  }

  #noteAnswer(): void {
    this.#lastAnswerAt = performance.now()
  }

  #noteFailure(error: Error): void {
    // An error is an answer too, such as "out of memory" or "read only".
    if (error.name === 'ReplyError') this.#noteAnswer()
    else if (this.status === 'ready' && performance.now() - this.#lastAnswerAt > HUNG_MS) {
      this.#noteAnswer()
      this.disconnect(true)
    }
  }

  /** Holds back writes until the end of this turn of the event loop. */
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

/** The start of ioredis' message for an answer without a command. */
const UNASKED = 'Command queue state error'

interface Queue {
  readonly length: number
  shift(): { readonly command: Command } | undefined
}

/** Fields that the types of ioredis do not show. Tests check that they still exist. */
function queuesOf(redis: Redis): { readonly commandQueue: Queue; readonly offlineQueue: Queue } {
  return redis as unknown as { readonly commandQueue: Queue; readonly offlineQueue: Queue }
}

const isIntroduction = (command: Command) => INTRODUCTIONS.has(command.name.toLowerCase())

/** Logs one line when the connection is lost and one when it is back, however many attempts are between. */
function tellOutages(redis: Redis, { purpose, log }: RedisConnectionOptions, address: string): void {
  const where = { purpose, redis: address }
  let isLost = false
  redis.on('error', (error: Error) => {
    if (isLost) return
    isLost = true
    log.warn({ ...where, reason: error.message }, 'Redis cannot be reached, retrying')
  })
  redis.on('close', () => {
    if (isLost || redis.status === 'end') return
    isLost = true
    log.warn(where, 'the connection to Redis was lost, retrying')
  })
  redis.on('ready', () => {
    if (isLost) log.info(where, 'Redis can be reached again')
    isLost = false
  })
}
