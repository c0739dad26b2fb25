/*
 * One request with its answer, and its connection. An exchange may hold a turn on its connection, an admission place, room
 * for an arriving body and room for an unread answer. Each is released exactly once, on the first of three events: response
 * finished, response closed, socket closed. The third is needed because Node emits no event on a pipelined response that
 * is still queued when its socket closes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Slab } from '../../../concurrency/slab.js'
import { addressOf } from '../../../dispatch/auth/sender.js'
import type { Admission } from '../admission.js'
import { senderOf } from '../sender.js'
import type { Room } from './room.js'
import { Turns } from './turns.js'

/** A connection with more unread bytes starts no further request. The largest list has about 100 KB. */
const MOST_UNREAD_BYTES = 262_144

/** Shared by exchanges and connections; implemented by `Traffic`. */
export interface Shared {
  readonly underWay: Slab<Exchange>
  readonly connections: Slab<Connection>
  readonly arriving: Room
  readonly unread: Room
  /** A cheap clock, at most seconds behind. */
  readonly lookedAtMs: number
  now(): number
  holdUnread(exchange: Exchange): void
  /** Handles a request. */
  begin(req: IncomingMessage, res: ServerResponse): void
  /** Refuses a request for which there is no room, and ends its connection. */
  refuse(exchange: Exchange): void
  /** An exchange or a connection has ended. */
  ended(): void
}

/** `open`: the request waits for its turn or is in progress. */
export type Stage = 'open' | 'arriving' | 'unread' | 'over'

/** A body as it was sent, or why it was not kept. */
export type ReceivedBody = Buffer | 'too large'

/** The result of counting a request for its address: when to retry, if it exceeds the limit. */
export interface AddressCount {
  readonly retryAfterSeconds: number | undefined
}

export class Exchange {
  readonly connection: Connection
  readonly res: ServerResponse
  stage: Stage = 'open'
  /** When it entered its stage; set in `arriving` and `unread` only. */
  sinceMs = 0
  /** Bytes of the body that have arrived so far, or of the unread answer. */
  bytes = 0
  /** `undefined`: the request has no body, or none that we read. */
  body: ReceivedBody | undefined
  /** Absent: the request is counted when it is handled. */
  addressCount: AddressCount | undefined
  isAnswered = false
  /** Whether it is one of the requests in progress on its connection. */
  isInProgress = false
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
    // Node continues to parse what it had read before the socket closed, and emits nothing on those responses.
    if (connection.isClosed) this.over()
  }

  /** Takes an admission place, if there is one. The exchange releases it. */
  admit(admission: Admission): boolean {
    if (this.stage === 'over') return false
    const atMs = admission.enter()
    if (atMs === undefined) return false
    this.#admission = admission
    this.#admittedAtMs = atMs
    this.#holdsPlace = true
    return true
  }

  /** Starts waiting for the body. */
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

  /** The body has arrived, or is no longer awaited. */
  arrived(): void {
    if (this.stage !== 'arriving') return
    this.connection.shared.arriving.leave(this.bytes)
    this.stage = 'open'
    this.bytes = 0
  }

  /** The answer was handed to the socket: the server's work is done and the client starts to read. */
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

  /** The client's address, by which rooms are shared fairly. */
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
 * Handles a few pipelined requests at a time and starts the next when an earlier one is answered. So one connection can
 * neither take all places nor fill the memory with unread answers.
 */
export class Connection {
  readonly shared: Shared
  readonly socket: Socket
  /** When the present first exchange became the first. From then on it waits only for its client. */
  movedAtMs = 0
  /** Number of requests received. */
  requests = 0
  readonly madeAtMs: number
  readonly #place: number
  /** In the order of the requests, in which answers are sent. */
  readonly #exchanges: Exchange[] = []
  readonly #turns: Turns<Exchange>
  #unreadBytes = 0
  #queuedBytes = 0
  #readAtMs = 0
  #isRefusing = false
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(shared: Shared, socket: Socket) {
    this.shared = shared
    this.socket = socket
    this.#turns = new Turns(
      ({ res }) => shared.begin(res.req, res),
      () => this.#unreadBytes < MOST_UNREAD_BYTES,
    )
    this.#place = shared.connections.add(this)
    this.madeAtMs = shared.now()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The exchange whose answer is being sent, or comes next. */
  get first(): Exchange | undefined {
    return this.#exchanges[0]
  }

  add(exchange: Exchange): void {
    this.requests++
    this.#exchanges.push(exchange)
  }

  /** Handles a request now, or when its turn comes. */
  request(exchange: Exchange): void {
    if (this.#isClosed || this.#isRefusing) {
      exchange.over()
      return
    }
    const turn = this.#turns.take(exchange)
    if (turn === 'waiting') this.socket.pause()
    if (turn === 'refused') {
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

  /** When the client was last seen to read from an answer that began then. Call it at regular intervals. */
  lastReadAtMs(beganAtMs: number, nowMs: number): number {
    // Node's internal count of bytes that the kernel has not taken, which its socket timeouts use. The public counters
    // count a write as a whole.
    const { _handle: handle } = this.socket as { _handle?: { readonly writeQueueSize?: number } | null }
    const queuedBytes = handle?.writeQueueSize ?? 0
    if (queuedBytes !== this.#queuedBytes) this.#readAtMs = nowMs
    this.#queuedBytes = queuedBytes
    return Math.max(this.#readAtMs, beganAtMs)
  }

  /** Ends the connection now and releases everything it holds. */
  destroy(): void {
    this.socket.destroy()
    this.close()
  }

  /** The socket has closed. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onIdle = undefined
    this.#turns.clear()
    this.shared.connections.remove(this.#place)
    for (const exchange of this.#exchanges.splice(0)) exchange.over()
    this.shared.ended()
  }

  #release(exchange: Exchange): void {
    const haveAllBegun = this.#turns.release(exchange)
    if (haveAllBegun && this.#onIdle === undefined) this.socket.resume()
  }
}

/** The additions of our responses. */
export interface Tracked {
  exchange: Exchange | undefined
}
export const exchangeOf = (res: ServerResponse): Exchange | undefined =>
  (res as ServerResponse & Partial<Tracked>).exchange
