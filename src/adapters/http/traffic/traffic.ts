/*
 * All connections and requests of one server. Slow clients are let go here: a body that trickles, an answer that is not
 * read. Both have a bounded room; a full room is cleared at the cost of the address that has the most of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Slab } from '../../../runtime/slab.js'
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
  /** Bodies that are arriving. Most bodies come with their headers: these are the slow ones. 64 of the largest. */
  arriving: { count: 2_000, bytes: 67_108_864 },
  /** Answers that their clients have not read: twice what a crowd is given at once, or 1,300 of the largest lists. */
  unread: { count: 4_000, bytes: 134_217_728 },
  /** So long after its beginning nothing is slow: a phone that changes its network is silent for some seconds. */
  graceMs: 8_000,
  /** A client that reads nothing at all for so long has gone. TCP finds a lost network again within it. */
  silentMs: 20_000,
  /**
   * After the grace: a phone on a bad 2G line gets through. The largest list takes it 6 s. A body has 30 s in all besides
   * (`server.ts`), so the largest must come faster.
   */
  leastBytesPerSecond: 16_384,
}

/** How often slow clients are looked for. */
const LOOK_EVERY_MS = 1_000
/** A room in which there was nothing to evict is not searched again for so long: a search looks at all of it. */
const EVICT_AGAIN_MS = 50

export type CutReason = 'slow_body' | 'unread_answer' | 'no_room'

export interface TrafficOptions {
  readonly limits?: Partial<TrafficLimits>
  readonly trustedProxies?: number
  /** Rooms besides, in which `look` looks for those that are stuck. */
  readonly rooms?: readonly Room[]
  /** A client was cut off. */
  readonly onCutOff?: (reason: CutReason) => void
  /** Monotonic, in milliseconds. */
  readonly now?: () => number
}

const connectionKey = Symbol('connection')
type Known = Socket & { [connectionKey]?: Connection }

/** `undefined`: its server has no traffic. */
export const connectionOf = (socket: Known): Connection | undefined => socket[connectionKey]

type Handle = (req: IncomingMessage, res: ServerResponse) => void

export class Traffic implements Shared {
  readonly underWay = new Slab<Exchange>()
  readonly connections = new Slab<Connection>()
  readonly arriving: Room
  readonly unread: Room
  readonly now: () => number
  lookedAtMs: number
  /** Connections so far. */
  accepted = 0
  /** Requests so far, and about when the last one came. */
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

  /** Looks for slow clients at regular times, until the function that it returns is called. */
  watch(): () => void {
    const timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
    return () => clearInterval(timer)
  }

  /** A socket is followed to its end. One that the server is given a second time is known. */
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

  /** For a response of a server that is not ours: as ours, but with listeners of its own. */
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

  /** Counts an answer that was handed to its socket. It is there already, so it is never refused. */
  holdUnread(exchange: Exchange): void {
    this.unread.enter(exchange.bytes)
    if (this.unread.isFull) this.#evict('unread', exchange)
  }

  /** Whether this request may send its body, if need be after others were cut off. */
  makeRoomToArrive(exchange: Exchange): boolean {
    if (this.arriving.isFull) this.#evict('arriving', exchange)
    return !this.arriving.isFull
  }

  /** The same for what its body has grown by. */
  makeRoomToGrow(exchange: Exchange): boolean {
    const { arriving } = this
    if (arriving.bytes > arriving.most.bytes) this.#evict('arriving', exchange)
    return arriving.bytes <= arriving.most.bytes
  }

  /** Whether there is room for one more answer that may stay unread, if need be after others were cut off. */
  makeRoomToSend(exchange: Exchange): boolean {
    if (this.unread.isFull) this.#evict('unread', exchange)
    return !this.unread.isFull
  }

  refuse({ res }: Exchange): void {
    res.setHeader('connection', 'close')
    this.sendRefusal(res.req, res)
  }

  /** Cuts off the clients that are too slow. */
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
    // An answer behind another one is not on its way yet: its client may be waiting for us.
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
    if (exchange.stage === 'over') return // with another of its connection
    this.#onCutOff(reason)
    // A client that still sends may read why it is not listened to any more.
    if (exchange.stage === 'arriving') this.refuse(exchange)
    else exchange.connection.destroy()
  }
}

/** Of what `end` is given. Characters stand for bytes: counting those of a text would read all of it once more. */
export function sizeOf(chunk: unknown): number {
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk.length : 0
}
