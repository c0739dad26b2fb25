/*
 * A client's connection to a server, which a test can cut or lead to another process. It can also be cut after the server
 * has sent a number of bytes, in the middle of whatever they are.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface ClientLink {
  readonly url: string
  /** Ends the open connections. New ones go to `url`, if it is given. */
  cut(url?: string): void
  /** Ends each connection after it has brought the client this many more bytes. */
  cutAfter(bytes: number): void
  /** Open connections stay open but carry nothing any more, like a phone that has lost its network. */
  swallow(): void
  /** Refuses all connections until `restore`. */
  sever(): void
  restore(): void
  close(): Promise<void>
}

export async function openClientLink(url: string): Promise<ClientLink> {
  const sockets = new Set<Socket>()
  const swallowed = new WeakSet<Socket>()
  let target = new URL(url)
  let bytesLeft = Number.POSITIVE_INFINITY
  let isSevered = false

  const server = createServer(near => {
    if (isSevered) {
      near.destroy()
      return
    }
    const far = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.on('data', chunk => {
      if (!swallowed.has(near)) far.write(chunk)
    })
    far.on('data', chunk => {
      if (swallowed.has(near)) return
      const passed = chunk.subarray(0, Math.max(0, bytesLeft))
      bytesLeft -= passed.length
      if (passed.length > 0) near.write(passed)
      if (bytesLeft > 0) return
      bytesLeft = Number.POSITIVE_INFINITY
      near.destroySoon()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  function cutAll(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut(next) {
      if (next !== undefined) target = new URL(next)
      cutAll()
    },
    cutAfter(bytes) {
      bytesLeft = bytes
    },
    swallow() {
      for (const socket of sockets) swallowed.add(socket)
    },
    sever() {
      isSevered = true
      cutAll()
    },
    restore() {
      isSevered = false
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      cutAll()
      await closed
    },
  }
}
