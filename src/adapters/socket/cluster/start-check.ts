import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

export type AdapterKind = 'classic' | 'sharded'

/** This Redis cannot do what the adapter needs. The message names the setting to change. */
export class SocketAdapterError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SocketAdapterError'
  }
}

/** A start does not wait longer for a Redis that is away: requests go on without it. */
const PATIENCE_MS = 3_000

/** Throws `SocketAdapterError` when Redis refuses to subscribe as this adapter does. Silence is no refusal. */
export async function assertSubscribes(options: {
  readonly subscriber: Redis
  readonly kind: AdapterKind
  readonly log: Logger
  readonly channelPrefix: string
  readonly patienceMs?: number
}): Promise<void> {
  const { subscriber, kind, log, channelPrefix, patienceMs = PATIENCE_MS } = options
  // The adapters' own patterns: the ACL of a Redis user allows a pattern only if it is literally the same.
  const channel = `${channelPrefix}#/#`
  const asked = kind === 'sharded' ? subscriber.ssubscribe(channel) : subscriber.psubscribe(`${channel}*`)
  const refused = asked.then(
    () => undefined,
    (error: Error) => error,
  )
  const error = await Promise.race([refused, patience(patienceMs)])
  if (error === undefined) return
  // Redis' own answer, as opposed to there being none.
  if (error.name === 'ReplyError')
    throw new SocketAdapterError(refusal(kind, error.message), { cause: error })
  log.warn({ err: error }, 'Redis is not there yet: events reach other processes once it is')
}

function refusal(kind: AdapterKind, reason: string): string {
  return kind === 'classic'
    ? `SOCKET_ADAPTER=classic: this Redis refuses PSUBSCRIBE (${reason}), as serverless ones do. ` +
        'Set SOCKET_ADAPTER=sharded, which needs Redis 7'
    : `SOCKET_ADAPTER=sharded: this Redis refuses SSUBSCRIBE (${reason}): it needs Redis 7. ` +
        'Set SOCKET_ADAPTER=classic'
}

function patience(ms: number): Promise<Error> {
  return new Promise(resolve => {
    setTimeout(() => resolve(new Error('No answer in time')), ms).unref()
  })
}
