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

export interface Connection {
  open(): void
  isConnected(): boolean
  say(type: string, message: unknown): Promise<Watched>
  close(): void
}

export function createConnection(options: ConnectionOptions, ends: ConnectionEnds): Connection {
  const { url, token, beat, heartbeatMs = HEARTBEAT_MS } = options
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = options
  const backoff = createBackoff(options.backoff)
  const socket: Socket = io(url, {
    autoConnect: false,
    // Its own would give up where the server ended the connection, and would not ask for another token.
    reconnection: false,
    forceNew: true,
    // The server refuses long polling: its requests may reach different processes.
    transports: ['websocket'],
  })
  let isClosed = true
  let isRefused = false
  /** The process it is connected to ends, and has said so: there are others, ready. */
  let isSentAway = false
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let beatTimer: ReturnType<typeof setInterval> | undefined

  socket.on('connect', () => {
    isRefused = false
    backoff.connected(Date.now())
    if (beat !== undefined) {
      sendBeat()
      beatTimer = setInterval(sendBeat, heartbeatMs)
    }
    ends.connected()
  })
  socket.on('disconnect', reason => {
    clearInterval(beatTimer)
    ends.disconnected(reason)
    if (isSentAway) connectNow()
    else tryLater()
  })
  socket.on('connect_error', error => {
    const document = (error as { data?: { status?: number } }).data
    handle(document === undefined ? noAnswer(error) : toProblem(document.status ?? 0, document))
  })
  socket.onAny((type: string, ...parts: unknown[]) => {
    if (type === 'going_away') {
      isSentAway = true
      // The server ends it too; this one need not wait for that.
      socket.disconnect()
      return
    }
    const last = parts.at(-1)
    try {
      ends.heard(type, parts[0])
    } finally {
      // The server asks for it where somebody is to be woken by other means if this does not come.
      if (typeof last === 'function') last()
    }
  })

  /** Once: if that one sends it away too, or is not there, it waits like everybody. */
  function connectNow(): void {
    isSentAway = false
    if (isClosed) return
    clearTimeout(retryTimer)
    retryTimer = setTimeout(connect)
  }

  async function connect(): Promise<void> {
    try {
      const given = await readToken(token, isRefused)
      const point = await ends.point()
      if (isClosed) return
      if (!point.ok) {
        handle(point.problem)
        return
      }
      socket.auth = { token: given, after: point.value }
      socket.connect()
      noticeLostHandshake()
    } catch (error) {
      handle(noAnswer(error))
    }
  }

  /**
   * Cut in the middle of its first answer, a connection is neither open nor an error to Socket.IO's client (4.8.4): it
   * would be waited for until a timeout.
   */
  function noticeLostHandshake(): void {
    let isDecided = false
    const decide = () => {
      isDecided = true
    }
    const { engine } = socket.io
    engine.once('open', decide)
    engine.once('error', decide)
    engine.once('close', () => {
      if (isDecided) return
      // Else it would take itself for still opening.
      socket.disconnect()
      handle(noAnswer('The connection was cut while it was opened'))
    })
  }

  /** It could not connect. */
  function handle(problem: Problem): void {
    if (isClosed) return
    const isFinal = problem.code === 'UNAUTHENTICATED' && typeof token === 'string'
    if (isFinal || problem.code === 'USER_INACTIVE') {
      isClosed = true
      ends.refused(problem)
      return
    }
    isRefused = problem.code === 'UNAUTHENTICATED'
    tryLater((problem.retryAfterSeconds ?? 0) * 1000)
  }

  function tryLater(atLeastMs = 0): void {
    if (isClosed) return
    clearTimeout(retryTimer)
    retryTimer = setTimeout(connect, backoff.next(Date.now(), atLeastMs))
  }

  async function sendBeat(): Promise<void> {
    const place = await whereabouts()
    if (place === undefined || !socket.connected) return
    const answer = await say('heartbeat', place)
    if (answer.ok || isClosed) return
    if (answer.problem.code === 'NO_ANSWER') socket.disconnect()
    else ends.failed(answer.problem)
  }

  /** An app that cannot tell where it is now may be able to in 12 seconds. */
  async function whereabouts(): Promise<Beat | undefined> {
    try {
      return await beat?.()
    } catch {
      return undefined
    }
  }

  async function say(type: string, message: unknown): Promise<Watched> {
    // Socket.IO would keep it for later, when it is not true any more.
    if (!socket.connected) return { ok: false, problem: noAnswer('not connected') }
    try {
      const answer = await socket.timeout(answerTimeoutMs).emitWithAck(type, message)
      return answer.ok === true ? { ok: true } : { ok: false, problem: toProblem(answer.status, answer) }
    } catch (error) {
      return { ok: false, problem: noAnswer(error) }
    }
  }

  return {
    open() {
      if (!isClosed) return
      isClosed = false
      connect()
    },
    isConnected: () => socket.connected,
    say,
    close() {
      isClosed = true
      clearTimeout(retryTimer)
      clearInterval(beatTimer)
      socket.disconnect()
    },
  }
}
