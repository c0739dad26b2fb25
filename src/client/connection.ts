/*
 * One socket that comes back by itself. Every connection names the last event that was seen, so the server sends first
 * what was missed; a client that has seen nothing yet asks for the present as a point before it connects.
 */
import { io, type Socket } from 'socket.io-client'
import { type BackoffOptions, createBackoff } from './backoff.js'
import type { Beat } from './contract.js'
import { readToken, type TokenSource } from './http.js'
import { noAnswer, type Problem, type Result, toProblem } from './problem.js'
import type { Watched } from './watches.js'

/** A driver counts as online for 60 s after one, a transporter as present for 120: several may be lost. */
const HEARTBEAT_MS = 12_000
/** A heartbeat that is not answered within this is a connection that is dead and does not know it. */
const ANSWER_TIMEOUT_MS = 10_000

export interface ConnectionOptions {
  readonly url: string
  readonly token: TokenSource
  readonly beat?: (() => Beat | undefined | Promise<Beat | undefined>) | undefined
  readonly backoff: BackoffOptions
  readonly heartbeatMs?: number
  readonly answerTimeoutMs?: number
}

/** What the connection tells, and asks. */
export interface ConnectionEnds {
  /** Where to resume from. */
  point(): Promise<Result<string>>
  heard(type: string, message: unknown): void
  connected(): void
  disconnected(reason: string): void
  /** It will not be tried again. */
  refused(problem: Problem): void
  /** A heartbeat was refused. */
  failed(problem: Problem): void
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #ends: ConnectionEnds
  readonly #backoff: ReturnType<typeof createBackoff>
  readonly #socket: Socket
  #isClosed = true
  #isRefused = false
  /** The process it is connected to ends, and has said so: there are others, ready. */
  #isSentAway = false
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #beatTimer: ReturnType<typeof setInterval> | undefined

  constructor(options: ConnectionOptions, ends: ConnectionEnds) {
    this.#options = options
    this.#ends = ends
    this.#backoff = createBackoff(options.backoff)
    this.#socket = io(options.url, {
      autoConnect: false,
      // Its own would give up where the server ended the connection, and would not ask for another token.
      reconnection: false,
      forceNew: true,
      // The server refuses long polling: its requests may reach different processes.
      transports: ['websocket'],
    })
    this.#socket.on('connect', () => this.#connected())
    this.#socket.on('disconnect', reason => this.#disconnected(reason))
    this.#socket.on('connect_error', error => {
      const document = (error as { data?: { status?: number } }).data
      this.#handle(document === undefined ? noAnswer(error) : toProblem(document.status ?? 0, document))
    })
    this.#socket.onAny((type: string, ...parts: unknown[]) => this.#heard(type, parts))
  }

  get isConnected(): boolean {
    return this.#socket.connected
  }

  open(): void {
    if (!this.#isClosed) return
    this.#isClosed = false
    this.#connect()
  }

  async say(type: string, message: unknown): Promise<Watched> {
    // Socket.IO would keep it for later, when it is not true any more.
    if (!this.#socket.connected) return { ok: false, problem: noAnswer('not connected') }
    const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = this.#options
    try {
      const answer = await this.#socket.timeout(answerTimeoutMs).emitWithAck(type, message)
      return answer.ok === true ? { ok: true } : { ok: false, problem: toProblem(answer.status, answer) }
    } catch (error) {
      return { ok: false, problem: noAnswer(error) }
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retryTimer)
    clearInterval(this.#beatTimer)
    this.#socket.disconnect()
  }

  #connected(): void {
    const { beat, heartbeatMs = HEARTBEAT_MS } = this.#options
    this.#isRefused = false
    this.#backoff.connected(Date.now())
    if (beat !== undefined) {
      this.#sendBeat()
      this.#beatTimer = setInterval(() => this.#sendBeat(), heartbeatMs)
    }
    this.#ends.connected()
  }

  #disconnected(reason: string): void {
    clearInterval(this.#beatTimer)
    this.#ends.disconnected(reason)
    if (this.#isSentAway) this.#connectNow()
    else this.#tryLater()
  }

  #heard(type: string, parts: readonly unknown[]): void {
    if (type === 'going_away') {
      this.#isSentAway = true
      // The server ends it too; this one need not wait for that.
      this.#socket.disconnect()
      return
    }
    const last = parts.at(-1)
    try {
      this.#ends.heard(type, parts[0])
    } finally {
      // The server asks for it where somebody is to be woken by other means if this does not come.
      if (typeof last === 'function') last()
    }
  }

  /** Once: if that one sends it away too, or is not there, it waits like everybody. */
  #connectNow(): void {
    this.#isSentAway = false
    if (this.#isClosed) return
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => this.#connect())
  }

  async #connect(): Promise<void> {
    try {
      const given = await readToken(this.#options.token, this.#isRefused)
      const point = await this.#ends.point()
      if (this.#isClosed) return
      if (!point.ok) {
        this.#handle(point.problem)
        return
      }
      this.#socket.auth = { token: given, after: point.value }
      this.#socket.connect()
      noticeLostHandshake(this.#socket, () => {
        // Else it would take itself for still opening.
        this.#socket.disconnect()
        this.#handle(noAnswer('The connection was cut while it was opened'))
      })
    } catch (error) {
      this.#handle(noAnswer(error))
    }
  }

  /** It could not connect. */
  #handle(problem: Problem): void {
    if (this.#isClosed) return
    const isFinal = problem.code === 'UNAUTHENTICATED' && typeof this.#options.token === 'string'
    if (isFinal || problem.code === 'USER_INACTIVE') {
      this.#isClosed = true
      this.#ends.refused(problem)
      return
    }
    this.#isRefused = problem.code === 'UNAUTHENTICATED'
    this.#tryLater((problem.retryAfterSeconds ?? 0) * 1000)
  }

  #tryLater(atLeastMs = 0): void {
    if (this.#isClosed) return
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => this.#connect(), this.#backoff.next(Date.now(), atLeastMs))
  }

  async #sendBeat(): Promise<void> {
    const place = await this.#whereabouts()
    if (place === undefined || !this.#socket.connected) return
    const answer = await this.say('heartbeat', place)
    if (answer.ok || this.#isClosed) return
    if (answer.problem.code === 'NO_ANSWER') this.#socket.disconnect()
    else this.#ends.failed(answer.problem)
  }

  /** An app that cannot tell where it is now may be able to in 12 seconds. */
  async #whereabouts(): Promise<Beat | undefined> {
    try {
      return await this.#options.beat?.()
    } catch {
      return undefined
    }
  }
}

/**
 * Cut in the middle of its first answer, a connection is neither open nor an error to Socket.IO's client (4.8.4): it
 * would be waited for until a timeout.
 */
function noticeLostHandshake(socket: Socket, onLost: () => void): void {
  let isDecided = false
  const decide = () => {
    isDecided = true
  }
  const { engine } = socket.io
  engine.once('open', decide)
  engine.once('error', decide)
  engine.once('close', () => {
    if (!isDecided) onLost()
  })
}
