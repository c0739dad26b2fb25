/*
 * Watches a connection below Socket.IO, from its first byte on: one that floods or does not read is cut off.
 * Nothing is said to it: it would not be read, or would be one more thing to wait for.
 */
import type { Logger } from 'pino'
import type { Server } from 'socket.io'
import { createTokenBucket } from '../../concurrency/token-bucket.js'
import type { SocketLimits } from './limits.js'

type Connection = Parameters<Parameters<Server['engine']['on']>[1]>[0]

/** What a WebSocket has; a long-polling request has none, and holds nothing back. */
interface Wire {
  /** Bytes that its TCP connection has not taken yet. */
  readonly bufferedAmount: number
  terminate(): void
}

/** A close is answered within a round trip. Who does not answer would keep its connection for half a minute. */
const CLOSE_GRACE_MS = 1_000

export function guardConnection(connection: Connection, limits: SocketLimits, log: Logger): void {
  const { packetsPerSecond, packetBurst, maxWaitingBytes } = limits
  const mayCome = createTokenBucket(packetsPerSecond, packetBurst)
  let isCutOff = false
  /** Since the last flush; what was flushed before is in the wire's own buffer. */
  let waiting = 0

  function cutOff(reason: string): void {
    if (isCutOff) return
    isCutOff = true
    log.warn({ connection: connection.id, waiting, reason }, 'socket cut off')
    // Not in the middle of an emit, which is going through the rooms that this would change.
    queueMicrotask(() => {
      const wire = wireOf(connection)
      connection.close(true)
      // A WebSocket's own close waits for a client that is not reading.
      wire?.terminate()
    })
  }

  connection.on('packet', () => {
    if (!mayCome()) cutOff('it floods')
  })
  connection.on('packetCreate', ({ data }: { data?: { length: number } }) => {
    waiting += data?.length ?? 0
    if (waiting + (wireOf(connection)?.bufferedAmount ?? 0) > maxWaitingBytes) cutOff('it does not read')
  })
  connection.on('flush', () => {
    waiting = 0
  })
  connection.once('close', () => {
    const wire = wireOf(connection)
    if (wire !== undefined) setTimeout(() => wire.terminate(), CLOSE_GRACE_MS).unref()
  })
}

function wireOf(connection: Connection): Wire | undefined {
  return (connection.transport as unknown as { socket?: Wire }).socket
}
