import { type Api, createApi } from './api.js'
import type { BackoffOptions } from './backoff.js'
import { Connection } from './connection.js'
import type { Beat } from './contract.js'
import type { DriverStatusEvent, LoadcastEvent, ResumableEvent, Resync } from './events.js'
import { createHttp, type TokenSource } from './http.js'
import { createListeners } from './listeners.js'
import { noAnswer, type Problem, type Result } from './problem.js'
import { createSieve, type Verdict } from './sieve.js'
import { createWatches, type Watched } from './watches.js'

export interface ClientOptions {
  /** Of the server, without a path. */
  readonly url: string
  /** A token, or what gets one: asked before each connection and call, and again when one was refused. */
  readonly token: TokenSource
  /**
   * Where a driver is, or a transporter (who may say `{}`): asked every 12 seconds while connected. Absent, or answering
   * `undefined`: no heartbeat.
   */
  readonly beat?: () => Beat | undefined | Promise<Beat | undefined>
  /** The `point` of an earlier client: it goes on from there. */
  readonly after?: string
  /** Of the waits between tries to reconnect: 0.5 s, doubling to 15. */
  readonly backoff?: BackoffOptions
  readonly fetch?: typeof globalThis.fetch
}

type ByType = { readonly [E in LoadcastEvent as E['type']]: E }

/** What `on` can be asked for: an event by its type, or `event` for all of them; and how the client fares. */
export interface ClientEvents extends ByType {
  readonly event: LoadcastEvent
  readonly connected: undefined
  readonly disconnected: { readonly reason: string }
  /** What the app shows is void; this is what stands now. */
  readonly resync: Resync
  /** It has given up: the user is turned off, or a token that cannot be renewed was refused. */
  readonly refused: Problem
  /** A heartbeat was refused. */
  readonly problem: Problem
  /** An event that is not shown, as it is known already or says less than a later one. */
  readonly dropped: { readonly event: ResumableEvent; readonly why: Exclude<Verdict, 'new'> }
}

export type Connected = { readonly ok: true } | { readonly ok: false; readonly problem: Problem }

export interface Client {
  /** Calls over HTTP; they need no connection. */
  readonly api: Api
  /** Resolves with the first connection, or when it was refused for good. Until `close` it reconnects by itself. */
  connect(): Promise<Connected>
  close(): void
  /**
   * Ends every session of the user, on all devices, and closes the client. A token that is refused was ended before. After
   * any other problem the sessions may go on, and the client stays open: try again.
   */
  logout(): Promise<Result<undefined>>
  readonly isConnected: boolean
  /** The last event seen, to be kept by apps that are restarted. */
  readonly point: string | undefined
  /** Answers how to take the handler off again. */
  on<TName extends keyof ClientEvents>(name: TName, handle: (value: ClientEvents[TName]) => void): () => void
  /** Hears of everything about a request that the user may read, until `unwatch`. */
  watch(broadcastId: string): Promise<Watched>
  unwatch(broadcastId: string): Promise<void>
}

export function createClient(options: ClientOptions): Client {
  const { url, token, beat, backoff = {}, fetch = globalThis.fetch } = options
  const api = createApi(createHttp(url, token, fetch))
  const { on, emit } = createListeners<ClientEvents>()
  const stream = createStream({ api, emit, after: options.after })
  let waiting: ((connected: Connected) => void)[] = []

  const connection = new Connection(
    { url, token, beat, backoff },
    {
      point: stream.resumePoint,
      heard: stream.heard,
      connected() {
        settle({ ok: true })
        emit('connected', undefined)
        watches.connected()
      },
      disconnected(reason) {
        watches.disconnected(stream.point)
        emit('disconnected', { reason })
      },
      refused(problem) {
        settle({ ok: false, problem })
        emit('refused', problem)
      },
      failed: problem => emit('problem', problem),
    },
  )
  const watches = createWatches(
    (type, message) => connection.say(type, message),
    () => connection.isConnected,
  )

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
      if (connection.isConnected) return Promise.resolve({ ok: true })
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
      return connection.isConnected
    },
    get point() {
      return stream.point
    },
    watch: watches.watch,
    unwatch: watches.unwatch,
  }
}

interface Stream {
  /** The last event seen. */
  readonly point: string | undefined
  /** Where to resume from. */
  resumePoint(): Promise<Result<string>>
  /** Takes what the server sends. */
  heard(type: string, message: unknown): void
}

/** The events in the order in which they come, each told once. */
function createStream({
  api,
  emit,
  after,
}: {
  readonly api: Api
  readonly emit: ReturnType<typeof createListeners<ClientEvents>>['emit']
  readonly after: string | undefined
}): Stream {
  const judge = createSieve()
  let point = after

  /** Before anything was seen, the present: what comes after it is missed by nobody. */
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
    // Even of one that is dropped: all before it has come.
    point = event.id
    const verdict = judge(event)
    if (verdict === 'new') tell(event)
    else emit('dropped', { event, why: verdict })
  }

  function tell(event: LoadcastEvent): void {
    emit(event.type, event as never)
    emit('event', event)
  }

  function startOver({ next, ...resync }: Resync & { readonly next: string }): void {
    // That of a watched request says nothing of the rest.
    if (resync.broadcastId === undefined) point = next
    emit('resync', resync)
  }

  return {
    get point() {
      return point
    },
    resumePoint,
    heard,
  }
}
