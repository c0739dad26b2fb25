/*
 * One request with its answer, and its connection. An exchange holds a place under way, a place of the admission, room for
 * a body that is arriving, room for an answer that the client has not read. Each is released exactly once, on whichever
 * comes first: the response finished, the response closed, the socket closed. The third is needed because Node emits no
 * event on a pipelined response that still waits for its turn when its socket closes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addressOf } from '../../../dispatch/auth/sender.js'
import type { Slab } from '../../../runtime/slab.js'
import type { Admission } from '../admission.js'
import { senderOf } from '../sender.js'
import type { Room } from './room.js'

/** Requests of one connection that are worked on at once. Clients that pipeline send some ten ahead. */
const MOST_AT_ONCE = 32
/**
 * Requests of one connection that may wait behind them. Reading stops as soon as one waits, but a single read of 64 KB
 * holds up to 2,400 of the smallest.
 */
const MOST_WAITING = 1_000
/** A connection with more unread bytes begins no further request. The largest list has about 100 KB. */
const MOST_UNREAD_BYTES = 262_144

/** What exchanges and connections share: implemented by `Traffic`. */
export interface Shared {
  readonly underWay: Slab<Exchange>
  readonly connections: Slab<Connection>
  readonly arriving: Room
  readonly unread: Room
  /** A clock that costs nothing: seconds behind at most. */
  readonly lookedAtMs: number
  now(): number
  holdUnread(exchange: Exchange): void
  /** Works on a request. */
  begin(req: IncomingMessage, res: ServerResponse): void
  /** Answers a request for which there is no room, and ends its connection with that. */
  refuse(exchange: Exchange): void
  /** An exchange or a connection has ended. */
  ended(): void
}

/** `open`: it waits for its turn, or is worked on. */
export type Stage = 'open' | 'arriving' | 'unread' | 'over'

/** A body as it was sent, or why it was not kept. */
export type ReceivedBody = Buffer | 'too large'

/** What counting a request for its address told: when to come back, if it is one too many. */
export interface AddressCount {
  readonly retryAfterSeconds: number | undefined
}

export class Exchange {
  readonly connection: Connection
  readonly res: ServerResponse
  stage: Stage = 'open'
  /** When it entered its stage; of `arriving` and `unread` only. */
  sinceMs = 0
  /** Of the body that has arrived so far, or of the answer that is unread. */
  bytes = 0
  /** `undefined`: the request has none, or none that anything here reads. */
  body: ReceivedBody | undefined
  /** Absent: it is counted when it is worked on. */
  addressCount: AddressCount | undefined
  isAnswered = false
  /** One of those that its connection works on at once. */
  isWorkedOn = false
  #admission: Admission | undefined
  #admittedAtMs = 0
  #holdsPlace = false
  #address: string | undefined
  readonly #place: number

  constructor(connection: Connection, res: ServerResponse) {
    this.connection = connection
    this.res = res
    this.#place = connection.shared.underWay.add(this)
    connection.add(this)
    // Node reads on in what came before it was closed, and tells of nothing that happens to an answer there.
    if (connection.isClosed) this.over()
  }

  /** Takes a place of the admission, if there is one, and gives it back by itself. */
  admit(admission: Admission): boolean {
    if (this.stage === 'over') return false
    const atMs = admission.enter()
    if (atMs === undefined) return false
    this.#admission = admission
    this.#admittedAtMs = atMs
    this.#holdsPlace = true
    return true
  }

  /** Its body is awaited from now on. */
  arrive(): void {
    const { shared } = this.connection
    this.stage = 'arriving'
    this.sinceMs = shared.now()
    shared.arriving.enter(0)
  }

  received(bytes: number): void {
    if (this.stage !== 'arriving') return
    this.bytes += bytes
    this.connection.shared.arriving.grow(bytes)
  }

  /** Its body is there, or not awaited any more. */
  arrived(): void {
    if (this.stage !== 'arriving') return
    this.connection.shared.arriving.leave(this.bytes)
    this.stage = 'open'
    this.bytes = 0
  }

  /** The answer was handed to the socket: the server's work has ended, the client's reading begins. */
  answered(bytes: number): void {
    if (this.isAnswered) return
    this.isAnswered = true
    const { shared } = this.connection
    const nowMs = shared.now()
    this.#admission?.answered(nowMs - this.#admittedAtMs)
    this.#leaveAdmission()
    this.arrived()
    if (this.stage !== 'over') {
      this.stage = 'unread'
      this.sinceMs = nowMs
      this.bytes = bytes
      shared.holdUnread(this)
    }
    this.res.emit('answered')
    this.connection.answered(this)
  }

  /** The response or the socket has ended. */
  over(): void {
    if (this.stage === 'over') return
    this.arrived()
    const { shared } = this.connection
    if (this.stage === 'unread') shared.unread.leave(this.bytes)
    this.stage = 'over'
    this.#leaveAdmission()
    shared.underWay.remove(this.#place)
    this.connection.remove(this)
    this.res.emit('over')
    shared.ended()
  }

  /** The client's, by which rooms are shared fairly. */
  address(trustedProxies: number): string {
    this.#address ??= addressOf(senderOf(this.res.req), trustedProxies)
    return this.#address
  }

  #leaveAdmission(): void {
    if (!this.#holdsPlace) return
    this.#holdsPlace = false
    this.#admission?.leave()
  }
}

/**
 * Pipelined requests are worked on a few at a time: the next begins when an earlier one is answered, so that one
 * connection can neither take all places nor fill the memory with answers that it does not read.
 */
export class Connection {
  readonly shared: Shared
  readonly socket: Socket
  /** When the exchange that is now the first became the first: since then it waits for nothing but its client. */
  movedAtMs = 0
  /** Requests that came over it. */
  requests = 0
  readonly madeAtMs: number
  readonly #place: number
  /** In the order of the requests, which is that of the answers. */
  readonly #exchanges: Exchange[] = []
  readonly #waiting: Exchange[] = []
  #workedOn = 0
  #unreadBytes = 0
  #queuedBytes = 0
  #readAtMs = 0
  #isBeginning = false
  #isRefusing = false
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(shared: Shared, socket: Socket) {
    this.shared = shared
    this.socket = socket
    this.#place = shared.connections.add(this)
    this.madeAtMs = shared.now()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whose answer is on its way, or comes next. */
  get first(): Exchange | undefined {
    return this.#exchanges[0]
  }

  add(exchange: Exchange): void {
    this.requests++
    this.#exchanges.push(exchange)
  }

  /** Begins the work on a request now, or when its turn comes. */
  request(exchange: Exchange): void {
    if (this.#isClosed || this.#isRefusing) exchange.over()
    else if (this.#waiting.length === 0 && this.#hasRoom) this.#begin(exchange)
    else if (this.#waiting.length < MOST_WAITING) {
      this.#waiting.push(exchange)
      this.socket.pause()
    } else {
      this.#isRefusing = true
      this.shared.refuse(exchange)
    }
  }

  /** To be called by the exchange. */
  answered(exchange: Exchange): void {
    this.#unreadBytes += exchange.bytes
    this.#release(exchange)
  }

  /** To be called by the exchange. */
  remove(exchange: Exchange): void {
    if (this.#exchanges[0] === exchange) {
      this.#exchanges.shift()
      this.movedAtMs = this.shared.lookedAtMs
    } else {
      const index = this.#exchanges.indexOf(exchange)
      if (index >= 0) this.#exchanges.splice(index, 1)
    }
    this.#unreadBytes -= exchange.bytes
    this.#release(exchange)
    if (this.#onIdle !== undefined && this.#exchanges.length === 0) this.#onIdle()
  }

  /** Reads no further request until those before it are answered, then calls `listener`. */
  whenIdle(listener: () => void): void {
    if (this.#isClosed) return
    this.#onIdle = () => {
      this.#onIdle = undefined
      listener()
    }
    if (this.#exchanges.length === 0) this.#onIdle()
  }

  /** When the client was last seen to read of an answer that began then. To be called at regular times. */
  lastReadAtMs(beganAtMs: number, nowMs: number): number {
    // Node's own, by which its socket timeouts see progress: bytes that the kernel has not taken. A socket's public figures
    // count a write as a whole.
    const { _handle: handle } = this.socket as { _handle?: { readonly writeQueueSize?: number } | null }
    const queuedBytes = handle?.writeQueueSize ?? 0
    if (queuedBytes !== this.#queuedBytes) this.#readAtMs = nowMs
    this.#queuedBytes = queuedBytes
    return Math.max(this.#readAtMs, beganAtMs)
  }

  /** Ends it now, with all that it holds. */
  destroy(): void {
    this.socket.destroy()
    this.close()
  }

  /** The socket has closed. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onIdle = undefined
    this.#waiting.length = 0
    this.shared.connections.remove(this.#place)
    for (const exchange of this.#exchanges.splice(0)) exchange.over()
    this.shared.ended()
  }

  get #hasRoom(): boolean {
    return this.#workedOn < MOST_AT_ONCE && this.#unreadBytes < MOST_UNREAD_BYTES
  }

  #begin(exchange: Exchange): void {
    this.#workedOn++
    exchange.isWorkedOn = true
    this.shared.begin(exchange.res.req, exchange.res)
  }

  #release(exchange: Exchange): void {
    if (exchange.isWorkedOn) {
      exchange.isWorkedOn = false
      this.#workedOn--
    }
    if (this.#waiting.length > 0) this.#beginWaiting()
  }

  #beginWaiting(): void {
    // A request that is answered at once would call this again, as deep as there are requests.
    if (this.#isBeginning) return
    this.#isBeginning = true
    while (this.#hasRoom) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#begin(next)
    }
    this.#isBeginning = false
    if (this.#waiting.length === 0 && this.#onIdle === undefined) this.socket.resume()
  }
}

/** What our responses have. */
export interface Tracked {
  exchange: Exchange | undefined
}
export const exchangeOf = (res: ServerResponse): Exchange | undefined =>
  (res as ServerResponse & Partial<Tracked>).exchange
