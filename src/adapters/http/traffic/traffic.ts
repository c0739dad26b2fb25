/*
 * All connections and requests of one server. It cuts off slow clients, whose bodies trickle or whose answers stay unread.
 * Both kinds have a bounded room. A full room evicts exchanges of the address that holds the most of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Slab } from '../../../concurrency/slab.js'
import { chooseToEvict } from './eviction.js'
import { Connection, Exchange, type Shared, type Tracked } from './exchange.js'
import { Room, type RoomSize } from './room.js'

export interface TrafficLimits {
  readonly arriving: RoomSize
  readonly unread: RoomSize
  readonly graceMs: number
  readonly silentMs: number
  readonly leastBytesPerSecond: number
}

const standard: TrafficLimits = {
  /** Arriving bodies. Most bodies come with their headers, so these are the slow ones. Holds 64 of the largest. */
  arriving: { count: 2_000, bytes: 67_108_864 },
  /** Unread answers: twice the limit of requests in progress, or 1,300 of the largest lists. */
  unread: { count: 4_000, bytes: 134_217_728 },
  /** Nothing counts as slow before this: a phone that changes its network is silent for some seconds. */
  graceMs: 8_000,
  /** A client that reads nothing for this long is gone. TCP recovers a lost network in less. */
  silentMs: 20_000,
  /**
   * After the grace period. A phone on a bad 2G line is faster and reads the largest list in 6 s. A body also has 30 s in
   * all (`server.ts`), so the largest must arrive faster.
   */
  leastBytesPerSecond: 16_384,
}

/** How often slow clients are looked for. */
const LOOK_EVERY_MS = 1_000
/** A room with nothing to evict is not searched again for this long, because a search scans all of it. */
const EVICT_AGAIN_MS = 50

export type CutReason = 'slow_body' | 'unread_answer' | 'no_room'

export interface TrafficOptions {
  readonly limits?: Partial<TrafficLimits>
  readonly trustedProxies?: number
  /** Additional rooms, which `look` checks for being stuck. */
  readonly rooms?: readonly Room[]
  /** A client was cut off. */
  readonly onCutOff?: (reason: CutReason) => void
  /** Monotonic, in milliseconds. */
  readonly now?: () => number
}

const connectionKey = Symbol('connection')
type Known = Socket & { [connectionKey]?: Connection }

/** `undefined` when the server has no `Traffic`. */
export const connectionOf = (socket: Known): Connection | undefined => socket[connectionKey]

type Handle = (req: IncomingMessage, res: ServerResponse) => void

export class Traffic implements Shared {
  readonly underWay = new Slab<Exchange>()
  readonly connections = new Slab<Connection>()
  readonly arriving: Room
  readonly unread: Room
  readonly now: () => number
  lookedAtMs: number
  /** Number of connections so far. */
  accepted = 0
  /** Number of requests so far, and about when the last one came. */
  asked = 0
  askedAtMs = Number.NEGATIVE_INFINITY
  begin: Handle = () => {}
  /** Writes the refusal. */
  sendRefusal: Handle = (_req, res) => res.destroy()
  ended: () => void = () => {}
  readonly #limits: TrafficLimits
  readonly #trustedProxies: number
  readonly #onCutOff: (reason: CutReason) => void
  readonly #rooms: readonly Room[]
  #evictedNobodyAtMs = Number.NEGATIVE_INFINITY

  constructor(options: TrafficOptions = {}) {
    const { limits, rooms = [], trustedProxies = 0, onCutOff = () => {}, now } = options
    this.#limits = { ...standard, ...limits }
    this.arriving = new Room(this.#limits.arriving)
    this.unread = new Room(this.#limits.unread)
    this.now = now ?? (() => performance.now())
    this.lookedAtMs = this.now()
    this.#trustedProxies = trustedProxies
    this.#onCutOff = onCutOff
    this.#rooms = [...rooms, this.arriving, this.unread]
  }

  /** Starts to look for slow clients at regular intervals. Returns a function that stops it. */
  watch(): () => void {
    const timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
    return () => clearInterval(timer)
  }

  /** Tracks a socket until it closes. A socket that is added twice is tracked once. */
  welcome(socket: Known): Connection {
    const known = socket[connectionKey]
    if (known !== undefined) return known
    this.accepted++
    const connection = new Connection(this, socket)
    socket[connectionKey] = connection
    socket.once('close', () => connection.close())
    return connection
  }

  request(exchange: Exchange): void {
    this.asked++
    this.askedAtMs = this.lookedAtMs
    exchange.connection.request(exchange)
  }

  /** For a response of another server: as for ours, but with additional listeners. */
  adopt(res: ServerResponse): Exchange {
    const exchange = new Exchange(this.welcome(res.req.socket), res)
    if (!('exchange' in res)) {
      const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse
      res.end = (...args: unknown[]) => {
        end(...args)
        exchange.answered(sizeOf(args[0]))
        return res
      }
      res.once('close', () => exchange.over())
    }
    ;(res as ServerResponse & Tracked).exchange = exchange
    return exchange
  }

  /** Counts an answer that was handed to its socket. It exists already, so it is never refused. */
  holdUnread(exchange: Exchange): void {
    this.unread.enter(exchange.bytes)
    if (this.unread.isFull) this.#evict('unread', exchange)
  }

  /** Whether this request may send its body. May cut off others to make room. */
  makeRoomToArrive(exchange: Exchange): boolean {
    if (this.arriving.isFull) this.#evict('arriving', exchange)
    return !this.arriving.isFull
  }

  /** The same for the growth of its body. */
  makeRoomToGrow(exchange: Exchange): boolean {
    const { arriving } = this
    if (arriving.bytes > arriving.most.bytes) this.#evict('arriving', exchange)
    return arriving.bytes <= arriving.most.bytes
  }

  /** Whether there is room for one more answer that may stay unread. May cut off others to make room. */
  makeRoomToSend(exchange: Exchange): boolean {
    if (this.unread.isFull) this.#evict('unread', exchange)
    return !this.unread.isFull
  }

  refuse({ res }: Exchange): void {
    res.setHeader('connection', 'close')
    this.sendRefusal(res.req, res)
  }

  /** Cuts off clients that are too slow. */
  look(): void {
    const nowMs = this.now()
    this.lookedAtMs = nowMs
    for (const exchange of this.underWay) {
      if (this.#isSlowBody(exchange, nowMs)) this.#cutOff(exchange, 'slow_body')
      else if (this.#isUnread(exchange, nowMs)) this.#cutOff(exchange, 'unread_answer')
    }
    for (const room of this.#rooms) room.look(nowMs)
  }

  #isSlowBody({ stage, sinceMs, bytes }: Exchange, nowMs: number): boolean {
    const { graceMs, leastBytesPerSecond } = this.#limits
    return stage === 'arriving' && bytes < ((nowMs - sinceMs - graceMs) / 1_000) * leastBytesPerSecond
  }

  #isUnread(exchange: Exchange, nowMs: number): boolean {
    const { stage, sinceMs, bytes, connection } = exchange
    // A queued answer is not being sent yet: its client may be waiting for us.
    if (stage !== 'unread' || connection.first !== exchange) return false
    const { graceMs, silentMs, leastBytesPerSecond } = this.#limits
    const mayTakeMs = graceMs + (bytes / leastBytesPerSecond) * 1_000
    const beganAtMs = Math.max(sinceMs, connection.movedAtMs)
    return nowMs - beganAtMs > mayTakeMs || nowMs - connection.lastReadAtMs(beganAtMs, nowMs) > silentMs
  }

  #evict(stage: 'arriving' | 'unread', newcomer: Exchange): void {
    const nowMs = this.now()
    if (nowMs - this.#evictedNobodyAtMs < EVICT_AGAIN_MS) return
    const evicted = chooseToEvict({
      among: this.underWay,
      stage,
      newcomer,
      most: this[stage].most,
      trustedProxies: this.#trustedProxies,
      nowMs,
    })
    if (evicted.length === 0) this.#evictedNobodyAtMs = nowMs
    for (const exchange of evicted) this.#cutOff(exchange, 'no_room')
  }

  #cutOff(exchange: Exchange, reason: CutReason): void {
    if (exchange.stage === 'over') return // it ended with another of its connection
    this.#onCutOff(reason)
    // A client that is still sending gets the reason before its connection ends.
    if (exchange.stage === 'arriving') this.refuse(exchange)
    else exchange.connection.destroy()
  }
}

/** Size of a chunk given to `end`. Characters count as bytes: counting a string's bytes would read it once more. */
export function sizeOf(chunk: unknown): number {
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk.length : 0
}
