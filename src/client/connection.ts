/*
 * One socket that reconnects by itself. Every connection names the last event that was seen, so the server first sends
 * what was missed. A client that has seen no event gets the present as a point before it connects.
 */
import { io, type Socket } from 'socket.io-client'
import { type BackoffOptions, createBackoff } from './backoff.js'
import type { Beat } from './contract.js'
import { readToken, type TokenSource } from './http.js'
import { noAnswer, type Problem, type Result, toProblem } from './problem.js'
import type { Watched } from './watches.js'

/** A driver counts as online for 60 s after a heartbeat, a transporter as present for 120 s, so several may be lost. */
const HEARTBEAT_MS = 12_000
/** If a heartbeat is not acknowledged within this time, the connection is dead. */
const ANSWER_TIMEOUT_MS = 10_000

export interface ConnectionOptions {
  readonly url: string
  readonly token: TokenSource
  readonly beat?: (() => Beat | undefined | Promise<Beat | undefined>) | undefined
  readonly backoff: BackoffOptions
  readonly heartbeatMs?: number
  readonly answerTimeoutMs?: number
}

/** What the connection reports and needs. */
export interface ConnectionEnds {
  /** The point to resume from. */
  point(): Promise<Result<string>>
  heard(type: string, message: unknown): void
  connected(): void
  disconnected(reason: string): void
  /** The connection will not be tried again. */
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

/**
 * Makes a connection, which is closed before `open`. Over 70 lines because its handlers share the state of one socket.
 */
export function createConnection(options: ConnectionOptions, ends: ConnectionEnds): Connection {
  const { url, token, beat, heartbeatMs = HEARTBEAT_MS } = options
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = options
  const backoff = createBackoff(options.backoff)
  const socket: Socket = io(url, {
    autoConnect: false,
    // Socket.IO's own reconnection gives up if the server closed the connection, and does not get a new token.
    reconnection: false,
    forceNew: true,
    // The server refuses long polling, because its requests may reach different processes.
    transports: ['websocket'],
  })
  const say = (type: string, message: unknown) => ask(socket, type, message, answerTimeoutMs)
  let isClosed = true
  let isRefused = false
  /** The server process is shutting down and has said so. Other processes are ready. */
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
      // The server closes the connection too, but there is no need to wait.
      socket.disconnect()
      return
    }
    const last = parts.at(-1)
    try {
      ends.heard(type, parts[0])
    } finally {
      // The server asks for an acknowledgement of events that it would push otherwise.
      if (typeof last === 'function') last()
    }
  })

  /** Only once. If the next process is shutting down or unavailable too, the client waits like any other. */
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
      noticeLostHandshake(socket, handle)
    } catch (error) {
      handle(noAnswer(error))
    }
  }

  /** The connection could not be opened. */
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

  /** An app that does not know its location now may know it in 12 seconds. */
  async function whereabouts(): Promise<Beat | undefined> {
    try {
      return await beat?.()
    } catch {
      return undefined
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

/**
 * If a connection is cut in the middle of its first answer, Socket.IO's client (4.8.4) sees neither an open connection
 * nor an error, and would wait until a timeout. This calls `onLost` instead.
 */
function noticeLostHandshake(socket: Socket, onLost: (problem: Problem) => void): void {
  let isDecided = false
  const decide = () => {
    isDecided = true
  }
  const { engine } = socket.io
  engine.once('open', decide)
  engine.once('error', decide)
  engine.once('close', () => {
    if (isDecided) return
    // Otherwise the socket would still count as opening.
    socket.disconnect()
    onLost(noAnswer('The connection was cut while it was opened'))
  })
}

/** Sends a message and returns the server's answer. Never throws. */
async function ask(socket: Socket, type: string, message: unknown, timeoutMs: number): Promise<Watched> {
  // Socket.IO would queue it and send it later, when it is outdated.
  if (!socket.connected) return { ok: false, problem: noAnswer('not connected') }
  try {
    const answer = await socket.timeout(timeoutMs).emitWithAck(type, message)
    return answer.ok === true ? { ok: true } : { ok: false, problem: toProblem(answer.status, answer) }
  } catch (error) {
    return { ok: false, problem: noAnswer(error) }
  }
}
