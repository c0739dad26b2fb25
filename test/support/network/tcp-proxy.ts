/*
 * A TCP proxy in front of Postgres that cuts connections when a client sends a given text: before or after the server has
 * received it, or so that the server receives it long after the client has given up.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Cut {
  /** Resolves when the text has come and the connection has been cut. */
  readonly made: Promise<void>
}

export interface HeldBack extends Cut {
  /** Sends the server what the client had sent before the cut. Resolves when the server has answered. */
  land(): Promise<void>
}

export interface TcpProxy {
  /** The same database through the proxy. */
  readonly connectionString: string
  /** When a client next sends `text`, cuts both sides before the server gets it. */
  cutBefore(text: string): Cut
  /** When a client next sends `text`, lets the server answer, drops the answer and cuts both sides. */
  cutAfter(text: string): Cut
  /** When a client next sends `text`, cuts the client off and keeps the text to send it later. */
  holdBack(text: string): HeldBack
  /** Like a network failure: cuts all connections, and new ones at once, until `mend`. */
  sever(): void
  mend(): void
  close(): Promise<void>
}

/** The action on a connection when its client sends `text`. */
interface Trap {
  readonly text: string
  /** `rest` is the chunk that contained the text. */
  spring(client: Socket, server: Socket, rest: Buffer): void
}

/** Starts a proxy. Over 70 lines because its faults share the open connections. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { port, hostname } = new URL(target)
  const sockets = new Set<Socket>()
  const held = new Set<Socket>()
  let traps: Trap[] = []
  let isSevered = false

  const listener = createServer(client => {
    if (isSevered) return void client.destroy()
    const server = connect(Number(port), hostname)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    server.on('data', chunk => client.write(chunk))
    client.on('data', chunk => {
      const trap = traps.find(({ text }) => chunk.includes(text))
      if (trap === undefined) return void server.write(chunk)
      traps = traps.filter(other => other !== trap)
      client.removeAllListeners('data')
      server.removeAllListeners('data')
      client.removeAllListeners('close')
      trap.spring(client, server, chunk)
    })
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const url = new URL(target)
  url.port = String((listener.address() as AddressInfo).port)

  function setTrap(text: string, spring: Trap['spring']): Promise<void> {
    return new Promise(resolve => {
      traps.push({
        text,
        spring(...args) {
          spring(...args)
          resolve()
        },
      })
    })
  }

  return {
    connectionString: url.href,
    cutBefore: text => ({
      made: setTrap(text, (client, server) => {
        server.destroy()
        client.destroy()
      }),
    }),
    cutAfter(text) {
      let answered: Promise<void> = Promise.resolve()
      const sprung = setTrap(text, (client, server, chunk) => {
        answered = once(server, 'data').then(() => {
          server.destroy()
          client.destroy()
        })
        client.on('data', more => server.write(more)) // A long message comes in several chunks.
        server.write(chunk)
      })
      return { made: sprung.then(() => answered) }
    },
    holdBack(text) {
      let land = async () => {}
      const made = setTrap(text, (client, server, chunk) => {
        server.removeAllListeners('close')
        sockets.delete(server)
        held.add(server)
        client.destroy()
        land = async () => {
          server.write(chunk)
          await once(server, 'data')
          server.destroy()
        }
      })
      return { made, land: () => land() }
    },
    sever() {
      isSevered = true
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      isSevered = false
    },
    async close() {
      for (const socket of [...sockets, ...held]) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
