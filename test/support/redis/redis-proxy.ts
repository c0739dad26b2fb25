/*
 * A TCP proxy in front of Redis that counts round trips. It can delay answers for a given time, or hold them back until the
 * test releases them.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface RedisProxy {
  readonly url: string
  /** The number of requests that came after an answer. Each is a round trip, whatever the number of commands in it. */
  roundTrips(): number
  /** Delays answers by this long. */
  delay(ms: number): void
  /** Holds back all answers until `release`, which then sends them all at once. */
  hold(): void
  release(): void
  /** Sends these bytes to all connected clients, as if they came from Redis. */
  inject(bytes: string): void
  close(): Promise<void>
}

export async function startRedisProxy(target: string): Promise<RedisProxy> {
  const { port, hostname } = new URL(target)
  const sockets = new Set<Socket>()
  const clients = new Set<Socket>()
  let held: (() => void)[] = []
  let isHolding = false
  let delayMs = 0
  let trips = 0

  const listener = createServer(client => {
    const server = connect(Number(port), hostname)
    let isAnswered = true
    clients.add(client)
    client.on('close', () => clients.delete(client))
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
    client.on('data', chunk => {
      if (isAnswered) trips++
      isAnswered = false
      server.write(chunk)
    })
    server.on('data', chunk => {
      isAnswered = true
      const answer = () => void client.write(chunk)
      if (isHolding) held.push(answer)
      else if (delayMs > 0) setTimeout(answer, delayMs)
      else answer()
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const url = new URL(target)
  url.port = String((listener.address() as AddressInfo).port)
  return {
    url: url.href,
    roundTrips: () => trips,
    delay(ms) {
      delayMs = ms
    },
    hold() {
      isHolding = true
    },
    release() {
      isHolding = false
      for (const answer of held) answer()
      held = []
    },
    inject(bytes) {
      for (const client of clients) client.write(bytes)
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
