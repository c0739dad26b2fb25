import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A connection to the database that a test can cut, slow down or stop. */
export interface DatabaseProxy {
  readonly connectionString: string
  /** Breaks open connections and refuses new ones, until `restore`. */
  cut(): Promise<void>
  restore(): Promise<void>
  /** Delays everything by this long, in each direction. */
  slow(delayMs: number): void
  /** Carries nothing any more without telling either end, until `flow`. */
  stall(): void
  flow(): void
}

export async function proxyDatabase(connectionString: string): Promise<DatabaseProxy> {
  const target = new URL(connectionString)
  const sockets = new Set<Socket>()
  let delayMs = 0
  let isStalled = false
  const accept = (near: Socket) => {
    const far = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      let arrivesAt = 0
      socket.on('data', chunk => {
        const now = performance.now()
        arrivesAt = Math.max(arrivesAt, now + delayMs)
        if (arrivesAt <= now) other.write(chunk)
        else setTimeout(() => other.write(chunk), arrivesAt - now)
      })
      if (isStalled) socket.pause()
      // `close` follows each error, and ends the other half.
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  }
  let server = await listen(accept, 0)
  const { port } = server.address() as AddressInfo
  const near = new URL(connectionString)
  near.hostname = '127.0.0.1'
  near.port = String(port)
  near.searchParams.delete('connect_timeout') // When it stalls, the program's own limit is tested.
  return {
    connectionString: near.href,
    async cut() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
    slow(ms) {
      delayMs = ms
    },
    stall() {
      isStalled = true
      for (const socket of sockets) socket.pause()
    },
    flow() {
      isStalled = false
      for (const socket of sockets) socket.resume()
    },
    async restore() {
      server = await listen(accept, port)
    },
  }
}

function listen(accept: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(accept)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
