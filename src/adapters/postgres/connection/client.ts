/*
 * A connection to Postgres. All connections are made here, single ones and those of pools (database.ts); a test checks it.
 * The constructor adds an `error` listener, so a lost connection can never end the process. `connect` resolves only for a
 * server that takes writes, like libpq's `target_session_attrs=read-write`.
 */
import pg from 'pg'

/**
 * Limit for the handshake, the login and the check below together. Callers wait this long at most for a silent server.
 * `connect_timeout` of the connection string replaces it.
 */
export const CONNECT_TIMEOUT_MS = 3_000

/**
 * Idle time before the first probe of a connection. Node then probes each second and gives up after ten probes. A vanished
 * peer is therefore detected after 20 s, on the LISTEN connection too.
 */
const KEEP_ALIVE_DELAY_MS = 10_000

/** Limit for closing a connection. Without it, closing would wait for a vanished server until the network times out. */
const END_TIMEOUT_MS = 1_000

export const NETWORK_SETTINGS = {
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
} as const

export interface ClientConfig extends pg.ClientConfig {
  /** For readers, which may use a standby. */
  readonly mayBeReadOnly?: boolean
}

/** The server is a standby or read-only. `code` is the SQLSTATE with which such a server refuses a write. */
export class ReadOnlyServerError extends Error {
  override readonly name = 'ReadOnlyServerError'
  readonly code = '25006'

  constructor() {
    super('The database server refuses writes: it is a standby, or default_transaction_read_only is on')
  }
}

/**
 * Parameters that Postgres reports at each login and after each change (documentation, "Asynchronous Operations"). A pooler
 * passes on only some of them; then a query reads the state.
 */
const REPORTED = ['in_hot_standby', 'default_transaction_read_only'] as const

/** True on a standby too. */
const IS_READ_ONLY = "select current_setting('transaction_read_only')::boolean as is_read_only"

/** The largest process id of Linux. */
const MAX_PROCESS_ID = 2 ** 22

interface ParameterStatus {
  readonly parameterName: string
  readonly parameterValue: string
}

export class Client extends pg.Client {
  readonly #mayBeReadOnly: boolean
  readonly #connectTimeoutMs: number
  readonly #reported = new Map<string, string>()

  constructor(config: ClientConfig = {}) {
    super(config)
    this.#mayBeReadOnly = config.mayBeReadOnly ?? false
    this.#connectTimeoutMs = config.connectionTimeoutMillis ?? CONNECT_TIMEOUT_MS
    // The running statement fails with the error, and a pool checks the connection before it hands it out again.
    this.on('error', () => {})
    this.connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) =>
      this.#reported.set(parameterName, parameterValue),
    )
  }

  override connect(): Promise<this>
  override connect(onConnect: (error: Error | null, client?: this) => void): void
  override connect(onConnect?: (error: Error | null, client?: this) => void): Promise<this> | undefined {
    const opened = this.#open()
    if (onConnect === undefined) return opened
    opened.then(client => onConnect(null, client), onConnect)
    return undefined
  }

  override end(): Promise<void>
  override end(onEnd: (error: Error) => void): void
  override end(onEnd?: (error: Error) => void): Promise<void> | undefined {
    const alarm = setTimeout(() => this.connection.stream.destroy(), END_TIMEOUT_MS).unref()
    this.once('end', () => clearTimeout(alarm))
    if (onEnd === undefined) return super.end()
    super.end(onEnd)
    return undefined
  }

  async #open(): Promise<this> {
    const alarm = setTimeout(
      () => this.connection.stream.destroy(new Error('The database server did not answer in time')),
      this.#connectTimeoutMs,
    )
    try {
      await super.connect()
      if (!this.#mayBeReadOnly) await this.#assertWritable()
      return this
    } catch (error) {
      // The driver leaves the connection open when the login fails on our side.
      this.connection.stream.destroy()
      throw error
    } finally {
      clearTimeout(alarm)
    }
  }

  /** True if the login named a process of Postgres. A pooler invents a number of 32 bits, and repeats earlier reports. */
  get #isDirect(): boolean {
    const { processID: id } = this as unknown as { processID: number | null }
    return id !== null && id > 0 && id <= MAX_PROCESS_ID
  }

  async #assertWritable(): Promise<void> {
    const reported = REPORTED.map(name => this.#reported.get(name))
    if (this.#isDirect && reported.every(value => value === 'off')) return
    const { rows } = await this.query<{ is_read_only: boolean }>(IS_READ_ONLY)
    if (rows[0]?.is_read_only !== false) throw new ReadOnlyServerError()
  }
}
