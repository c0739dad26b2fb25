import { type Api, createApi } from './api.js'
import type { BackoffOptions } from './backoff.js'
import { createConnection } from './connection.js'
import type { Beat } from './contract.js'
import { createDeduplicator, type Verdict } from './deduplicate.js'
import type { DriverStatusEvent, LoadcastEvent, ResumableEvent, Resync } from './events.js'
import { createHttp, type TokenSource } from './http.js'
import { createListeners } from './listeners.js'
import { noAnswer, type Problem, type Result } from './problem.js'
import { createWatches, type Watched } from './watches.js'

export interface ClientOptions {
  /** The URL of the server, without a path. */
  readonly url: string
  /**
   * A token, or a function that gets one. It is called before each connection and call, and again after a token was
   * refused.
   */
  readonly token: TokenSource
  /**
   * Returns where a driver is, or `{}` for a transporter. It is called every 12 seconds while connected. If it is
   * absent or returns `undefined`, no heartbeat is sent.
   */
  readonly beat?: () => Beat | undefined | Promise<Beat | undefined>
  /** The `point` of an earlier client, to resume from there. */
  readonly after?: string
  /** The pauses between attempts to reconnect: 0.5 s, doubling to 15 s. */
  readonly backoff?: BackoffOptions
  readonly fetch?: typeof globalThis.fetch
}

type ByType = { readonly [E in LoadcastEvent as E['type']]: E }

/** What `on` accepts: an event by its type, `event` for all events, and changes of the client itself. */
export interface ClientEvents extends ByType {
  readonly event: LoadcastEvent
  readonly connected: undefined
  readonly disconnected: { readonly reason: string }
  /** What the app shows is void. This is the present state. */
  readonly resync: Resync
  /** The client has given up: the user is turned off, or a token that cannot be renewed was refused. */
  readonly refused: Problem
  /** A heartbeat was refused. */
  readonly problem: Problem
  /** An event that was not passed on, because it is known already or older than one that was. */
  readonly dropped: { readonly event: ResumableEvent; readonly why: Exclude<Verdict, 'new'> }
}

export type Connected = { readonly ok: true } | { readonly ok: false; readonly problem: Problem }

export interface Client {
  /** Calls over HTTP, which need no connection. */
  readonly api: Api
  /**
   * Resolves with the first connection, or when the connection was finally refused. Until `close` the client reconnects
   * by itself.
   */
  connect(): Promise<Connected>
  close(): void
  /**
   * Ends every session of the user, on all devices, and closes the client. It also succeeds if the session was ended
   * before. After any other problem the sessions may continue, and the client stays open for a retry.
   */
  logout(): Promise<Result<undefined>>
  readonly isConnected: boolean
  /** The last event that was seen. Apps store it to resume after a restart. */
  readonly point: string | undefined
  /** Returns a function that removes the handler. */
  on<TName extends keyof ClientEvents>(name: TName, handle: (value: ClientEvents[TName]) => void): () => void
  /** Gets all events of a request that the user may read, until `unwatch`. */
  watch(broadcastId: string): Promise<Watched>
  unwatch(broadcastId: string): Promise<void>
}

/**
 * Makes a client, which does not connect before `connect`. Over 70 lines because its functions share the state of one
 * client.
 */
export function createClient(options: ClientOptions): Client {
  const { url, token, beat, backoff = {}, fetch = globalThis.fetch } = options
  const api = createApi(createHttp(url, token, fetch))
  const { on, emit } = createListeners<ClientEvents>()
  const deduplicate = createDeduplicator()
  let point = options.after
  let waiting: ((connected: Connected) => void)[] = []

  const connection = createConnection(
    { url, token, beat, backoff },
    {
      point: resumePoint,
      heard,
      connected() {
        settle({ ok: true })
        emit('connected', undefined)
        watches.connected()
      },
      disconnected(reason) {
        watches.disconnected(point)
        emit('disconnected', { reason })
      },
      refused(problem) {
        settle({ ok: false, problem })
        emit('refused', problem)
      },
      failed: problem => emit('problem', problem),
    },
  )
  const watches = createWatches(connection.say, connection.isConnected)

  /** Before anything was seen, the present is the point: nothing that follows it is missed. */
  async function resumePoint(): Promise<Result<string>> {
    if (point === undefined) {
      const present = await api.sync()
      if (!present.ok) return present
      point ??= present.value.next
    }
    return { ok: true, status: 200, value: point, isReplayed: false }
  }

  function heard(type: string, message: unknown): void {
    if (type === 'resync') startOver((message as { data: Resync & { next: string } }).data)
    else if (type === 'driver_status_changed') tell(message as DriverStatusEvent)
    else take(message as ResumableEvent)
  }

  function take(event: ResumableEvent): void {
    if (typeof event?.id !== 'string') return
    // Also for a dropped event, because everything before it has arrived.
    point = event.id
    const verdict = deduplicate(event)
    if (verdict === 'new') tell(event)
    else emit('dropped', { event, why: verdict })
  }

  function tell(event: LoadcastEvent): void {
    emit(event.type, event as never)
    emit('event', event)
  }

  function startOver({ next, ...resync }: Resync & { readonly next: string }): void {
    // The point of a watched request says nothing about other events.
    if (resync.broadcastId === undefined) point = next
    emit('resync', resync)
  }

  function settle(connected: Connected): void {
    const settled = waiting
    waiting = []
    for (const resolve of settled) resolve(connected)
  }

  function close(): void {
    connection.close()
    watches.close()
    settle({ ok: false, problem: noAnswer('The client was closed') })
  }

  return {
    api,
    on,
    connect() {
      if (connection.isConnected()) return Promise.resolve({ ok: true })
      const connected = new Promise<Connected>(resolve => waiting.push(resolve))
      connection.open()
      return connected
    },
    close,
    async logout() {
      const left = await api.logout()
      const isOut = left.ok || left.problem.code === 'UNAUTHENTICATED'
      if (isOut) close()
      return left
    },
    get isConnected() {
      return connection.isConnected()
    },
    get point() {
      return point
    },
    watch: watches.watch,
    unwatch: watches.unwatch,
  }
}
