/* What apps do, in as few words as tests need: call, listen, wait. */
import { io, type Socket } from 'socket.io-client'
import type { Role } from '../../../src/dispatch/person.js'
import type { Envelope } from '../../../src/dispatch/ports.js'
import { checkAnswer } from '../api/document-check.js'
import { isOverdue } from '../engine/pace.js'
import { tokenFor } from './tokens.js'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly body: any
}

export interface Client {
  readonly id: string
  readonly role: Role
  readonly token: string
  get(path: string): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  put(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  delete(path: string, body?: unknown): Promise<Answer>
}

/** Calls with a good token of this user. */
export async function createClient(url: string, role: Role, id: string): Promise<Client> {
  const token = await tokenFor(role, id)
  const send = (method: string) => (path: string, body?: unknown, headers?: Record<string, string>) =>
    call(url, method, path, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { id, role, token, get: send('GET'), post: send('POST'), put: send('PUT'), delete: send('DELETE') }
}

/** One call, exactly as given. JSON comes back parsed, all else as text. The answer is held against the document. */
export async function call(
  url: string,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { ...init, method })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  const { status, headers } = response
  const body = isJson ? JSON.parse(text) : text
  const contentType = headers.get('content-type')
  checkAnswer({ method, path, status, contentType, header: name => headers.get(name), body })
  return { status, headers, body }
}

/** Longer than anything here takes; a test that waits for it in vain says for what. */
const PATIENCE_MS = 20_000
/** On a slow machine, after that. */
const LOOK_EVERY_MS = 100

export interface Listener {
  readonly socket: Socket
  /** Everything that came, in order. */
  readonly events: readonly Envelope[]
  /** The first event of this type, past or to come, that fits. */
  next(type: string, fits?: (event: Envelope) => boolean, patienceMs?: number): Promise<Envelope>
  /** Sends and waits for the acknowledgement. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  send(type: string, ...payload: unknown[]): Promise<any>
  close(): void
}

/** A connected socket; `after`: what it saw last. Rejects with Socket.IO's `connect_error` when it is refused. */
export async function listen(url: string, token: unknown, after?: string): Promise<Listener> {
  const auth = { token, ...(after === undefined ? {} : { after }) }
  const socket = io(url, { auth, forceNew: true, reconnection: false, transports: ['websocket'] })
  const events: Envelope[] = []
  const waiting = new Set<() => void>()
  socket.onAny((_type: string, envelope: Envelope) => {
    events.push(envelope)
    for (const look of waiting) look()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  return {
    socket,
    events,
    next: (type, fits = () => true, patienceMs = PATIENCE_MS) =>
      new Promise((resolve, reject) => {
        const startedAt = performance.now()
        const giveUp = () => {
          if (!isOverdue(startedAt, patienceMs)) {
            timer = setTimeout(giveUp, LOOK_EVERY_MS)
            return
          }
          waiting.delete(look)
          reject(new Error(`No fitting ${type} came. There came: ${events.map(e => e.type).join(', ')}`))
        }
        let timer = setTimeout(giveUp, patienceMs)
        const look = () => {
          const found = events.find(event => event.type === type && fits(event))
          if (found === undefined) return
          waiting.delete(look)
          clearTimeout(timer)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    send: (type, ...payload) => socket.timeout(PATIENCE_MS).emitWithAck(type, ...payload),
    close: () => {
      socket.disconnect()
    },
  }
}

/** Resolves when the server ends the connection. */
export function disconnected(socket: Socket): Promise<string> {
  return new Promise(resolve => socket.once('disconnect', resolve))
}
