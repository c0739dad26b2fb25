/*
 * A proxy in front of Postgres that ends connections as an administrator does, at the worst instant. The FATAL 57P01 arrives
 * in the same packet as the server's "ready for query". The client then handles both within one turn of its event loop,
 * just after it got the connection.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TerminatingProxy {
  readonly connectionString: string
  /** Number of connections that it has ended. */
  readonly ended: number
  /** The share of "ready for query" messages after which it ends the connection; 0: none. */
  endShare: number
  close(): Promise<void>
}

/** ErrorResponse: FATAL 57P01, as Postgres 18 sends it. */
const ADMIN_SHUTDOWN = errorResponse({
  S: 'FATAL',
  V: 'FATAL',
  C: '57P01',
  M: 'terminating connection due to administrator command',
})
/** ReadyForQuery is the last message of every answer: 'Z', its length, and the transaction's state. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5])

export async function startTerminatingProxy(target: string): Promise<TerminatingProxy> {
  const { port, hostname } = new URL(target)
  const sockets = new Set<Socket>()
  let ended = 0
  let endShare = 1

  const listener = createServer(client => {
    const server = connect(Number(port), hostname)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.pipe(server)
    server.on('data', chunk => {
      const isReady = chunk.length > READY.length && chunk.subarray(-6, -1).equals(READY)
      if (!isReady || Math.random() >= endShare) return void client.write(chunk)
      ended += 1
      server.destroySoon()
      client.end(Buffer.concat([chunk, ADMIN_SHUTDOWN]))
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const url = new URL(target)
  url.port = String((listener.address() as AddressInfo).port)

  return {
    connectionString: url.href,
    get ended() {
      return ended
    },
    get endShare() {
      return endShare
    },
    set endShare(share) {
      endShare = share
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

function errorResponse(fields: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(fields).map(([name, value]) => `${name}${value}\0`)
  const body = Buffer.from(`${text.join('')}\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
