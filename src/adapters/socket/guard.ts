/*
 * Watches a connection below Socket.IO, from its first byte. A client that floods or does not read is disconnected,
 * without a message: the client would not read it.
 */
import type { Logger } from 'pino'
import type { Server } from 'socket.io'
import { createTokenBucket } from '../../concurrency/token-bucket.js'
import type { SocketLimits } from './limits.js'

type Connection = Parameters<Parameters<Server['engine']['on']>[1]>[0]

/** The socket of a WebSocket transport. Long polling has none and buffers nothing. */
interface Wire {
  /** Bytes that the TCP connection has not accepted yet. */
  readonly bufferedAmount: number
  terminate(): void
}

/** A client answers a close within a round trip. Otherwise its connection would stay open for half a minute. */
const CLOSE_GRACE_MS = 1_000

export function guardConnection(connection: Connection, limits: SocketLimits, log: Logger): void {
  const { packetsPerSecond, packetBurst, maxWaitingBytes } = limits
  const mayCome = createTokenBucket(packetsPerSecond, packetBurst)
  let isCutOff = false
  /** Bytes since the last flush. Earlier bytes are in the buffer of the wire. */
  let waiting = 0

  function cutOff(reason: string): void {
    if (isCutOff) return
    isCutOff = true
    log.warn({ connection: connection.id, waiting, reason }, 'disconnected a socket')
    // Deferred, because an emit may be iterating over the rooms that this changes.
    queueMicrotask(() => {
      const wire = wireOf(connection)
      connection.close(true)
      // A WebSocket's own close waits for the client, which is not reading.
      wire?.terminate()
    })
  }

  connection.on('packet', () => {
    if (!mayCome()) cutOff('sends too many packets')
  })
  connection.on('packetCreate', ({ data }: { data?: { length: number } }) => {
    waiting += data?.length ?? 0
    if (waiting + (wireOf(connection)?.bufferedAmount ?? 0) > maxWaitingBytes) cutOff('does not read')
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
