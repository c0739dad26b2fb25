import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

export type AdapterKind = 'classic' | 'sharded'

/** Redis lacks what the adapter needs. The message names the setting to change. */
export class SocketAdapterError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SocketAdapterError'
  }
}

/** How long a start waits for Redis. The process also works without it. */
const PATIENCE_MS = 3_000

/** Throws `SocketAdapterError` if Redis refuses the adapter's kind of subscription. No answer is not a refusal. */
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
  // An error reply of Redis, in contrast to a lost connection.
  if (error.name === 'ReplyError')
    throw new SocketAdapterError(refusal(kind, error.message), { cause: error })
  log.warn({ err: error }, 'Redis is unavailable, events reach other processes when it is back')
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
