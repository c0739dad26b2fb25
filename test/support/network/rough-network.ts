/*
 * The network between phones and processes: a balancer over several addresses that can delay, cut and swallow connections.
 * Each new connection goes to the next address that answers. A swallowed connection looks alive from both ends.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface RoughNetwork {
  readonly url: string
  /** The number of open connections, including swallowed ones. */
  readonly size: number
  /** Sends new connections to these addresses, in turn. */
  lead(targets: readonly string[]): void
  /** Ends the open connections for which `which` is true. They are numbered from the start. */
  cut(which?: (connection: number) => boolean): void
  /** Open connections carry nothing any more, and neither end is told. */
  swallow(which?: (connection: number) => boolean): void
  close(): Promise<void>
}

interface Line {
  readonly number: number
  readonly ends: readonly [Socket, Socket]
  isSwallowed: boolean
}

export interface RoughNetworkOptions {
  /** The delay of each chunk. Chunks of one connection stay in order. */
  readonly delayMs?: () => number
}

export async function startRoughNetwork(
  targets: readonly string[],
  { delayMs = () => 0 }: RoughNetworkOptions = {},
): Promise<RoughNetwork> {
  let addresses = targets
  let made = 0
  const lines = new Set<Line>()

  function pass(line: Line, from: Socket, to: Socket): void {
    let arrivesAt = 0
    from.on('data', chunk => {
      const delay = delayMs()
      if (delay === 0 && arrivesAt === 0) {
        if (!line.isSwallowed) to.write(chunk)
        return
      }
      arrivesAt = Math.max(arrivesAt, performance.now() + delay)
      setTimeout(() => {
        if (!line.isSwallowed) to.write(chunk)
      }, arrivesAt - performance.now())
    })
    from.on('error', () => {})
    from.on('close', () => {
      // The other end of a swallowed line stays open until it is cut.
      if (!line.isSwallowed) to.destroy()
      if (to.destroyed) lines.delete(line)
    })
  }

  const listener = createServer(async near => {
    const number = made++
    near.on('error', () => {})
    const far = await reach(addresses, number)
    if (far === undefined || near.destroyed) {
      near.destroy()
      far?.destroy()
      return
    }
    const line: Line = { number, ends: [near, far], isSwallowed: false }
    lines.add(line)
    for (const end of line.ends) end.setNoDelay(true)
    pass(line, near, far)
    pass(line, far, near)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const chosen = (which: (n: number) => boolean) => [...lines].filter(line => which(line.number))

  return {
    url: `http://127.0.0.1:${port}`,
    get size() {
      return lines.size
    },
    lead(others) {
      addresses = others
    },
    cut(which = () => true) {
      for (const { ends } of chosen(which)) for (const end of ends) end.destroy()
    },
    swallow(which = () => true) {
      for (const line of chosen(which)) line.isSwallowed = true
    },
    async close() {
      for (const { ends } of lines) for (const end of ends) end.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** Connects to one of these addresses, starting with the one whose turn it is. */
async function reach(addresses: readonly string[], turn: number): Promise<Socket | undefined> {
  for (let i = 0; i < addresses.length; i++) {
    const { hostname, port } = new URL(addresses[(turn + i) % addresses.length] ?? '')
    const socket = connect(Number(port), hostname)
    const isConnected = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isConnected) return socket
  }
  return undefined
}
