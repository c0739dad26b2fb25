/*
 * How ioredis opens a connection: it looks up the server first, and retries until it is told to stop. The server must fit
 * the settings: a cluster if REDIS_MODE says so, and a master if sentinels named one.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import type { RedisAddress } from './address.js'
import { type FoundServer, modeProblem, RedisModeError, type RedisTls } from './locate.js'

/** A connection that does not close within this time is destroyed: its server hangs. */
const END_TIMEOUT_MS = 500
/**
 * How often to look up the server again. Without it a replaced master that only we can still reach would serve us for
 * ever.
 */
const LOOK_AGAIN_MS = 10_000
/** ioredis takes this message for an intended close and does not report it. */
const CLOSED = 'Connection is closed.'

export interface ConnectorOptions {
  readonly address: RedisAddress
  readonly tls: RedisTls | undefined
  locate(): Promise<FoundServer>
  retryDelayMs(attempt: number): number
}

type Report = (type: string, error: Error) => void

/** Pass it to ioredis as `Connector`; ioredis creates one for each connection. */
export function connectorOf(options: ConnectorOptions): new (given: unknown) => AbstractConnector {
  return class extends Connector {
    constructor() {
      super(options)
    }
  }
}

class Connector extends AbstractConnector {
  readonly #options: ConnectorOptions
  #stop = new AbortController()
  #report: Report = () => {}

  constructor(options: ConnectorOptions) {
    super(END_TIMEOUT_MS)
    this.#options = options
  }

  override async connect(report: Report): Promise<Socket> {
    const { locate, retryDelayMs } = this.#options
    this.connecting = true
    this.#report = report
    this.#stop = new AbortController()
    const { signal } = this.#stop
    for (let attempt = 1; ; attempt++) {
      const found = await locate().catch((error: Error) => error)
      if (signal.aborted) throw new Error(CLOSED)
      if (!(found instanceof Error)) return this.#open(found)
      report('error', found)
      await delay(retryDelayMs(attempt), undefined, { signal }).catch(() => {
        throw new Error(CLOSED)
      })
    }
  }

  override disconnect(): void {
    this.#stop.abort()
    super.disconnect()
  }

  /**
   * `info` is the reply to INFO, empty for a user without that permission. Returns false for a wrong server: look it up
   * again.
   */
  override check(info: { readonly redis_mode?: string; readonly role?: string }): boolean {
    const { address } = this.#options
    const problem = address.mode === 'sentinel' ? undefined : modeProblem(address, info.redis_mode)
    const isReplica = address.mode !== 'standalone' && info.role === 'slave'
    if (problem !== undefined) this.#report('error', new RedisModeError(problem))
    else if (isReplica) this.#report('error', new Error('the server has become a replica'))
    else return true
    return false
  }

  #open(found: FoundServer): Socket {
    const { address, tls } = this.#options
    const { host, port } = found
    // SNI: a balancer may choose the server by it. An IP address has no name.
    const name = isIP(host) === 0 ? { servername: host } : {}
    const stream =
      tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...name, ...tls })
    // Added at creation and never removed: ioredis adds its own later, and only once.
    stream.on('error', error => {
      this.firstError ??= error
    })
    if (address.mode !== 'standalone') this.#leaveWhenReplaced(stream, found.id)
    this.stream = stream
    return stream
  }

  #leaveWhenReplaced(stream: Socket, id: string): void {
    const look = async () => {
      // No server names a master now, which is no reason to leave this one.
      const now = await this.#options.locate().catch(() => undefined)
      if (now !== undefined && now.id !== id) stream.destroy()
    }
    const timer = setInterval(look, LOOK_AGAIN_MS).unref()
    stream.once('close', () => clearInterval(timer))
  }
}
