/*
 * Raw clients that hold as many resources as they can: pipelined and reset requests, trickling bodies, unread answers. Each
 * kind returns a function that releases them.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Chance } from '../engine/seeded.js'

/** Sends `pipelined` requests on each of `connections`, and resets them as soon as a first answer has come. */
export async function pipelineAndReset(url: string, connections: number, pipelined: number): Promise<void> {
  const sockets = await open(url, connections)
  await Promise.all(
    sockets.map(async socket => {
      socket.write(get('/').repeat(pipelined))
      await once(socket, 'data')
      await reset(socket)
    }),
  )
}

/** Each announces a body and sends it at a byte a second. */
export async function trickleBodies(
  url: string,
  token: string,
  connections: number,
): Promise<() => Promise<void>> {
  const sockets = await open(url, connections)
  const head =
    `POST /api/v1/broadcasts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
    'content-type: application/json\r\ncontent-length: 500\r\n\r\n{'
  for (const socket of sockets) socket.write(head)
  const trickling = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(' ')
  }, 1_000)
  return async () => {
    clearInterval(trickling)
    await Promise.all(sockets.map(reset))
  }
}

/** Each asks for a large file, more than the buffers between hold, and reads nothing of it. */
export async function readNothing(
  url: string,
  _token: string,
  connections: number,
): Promise<() => Promise<void>> {
  const sockets = await open(url, connections)
  for (const socket of sockets) {
    socket.pause()
    socket.write(get('/docs/swagger-ui-bundle.js').repeat(4))
  }
  return async () => void (await Promise.all(sockets.map(reset)))
}

/** Each starts one of many requests and disconnects at a random byte, half-closed, reset or closed. */
export async function leaveAtRandom(
  url: string,
  token: string,
  connections: number,
  chance: Chance,
): Promise<void> {
  const sockets = await open(url, connections)
  const body = '{"type":"cancel"}'
  const post =
    `POST /api/v1/broadcasts/01890a5d-ac96-774b-bcce-b302099a8057/events HTTP/1.1\r\nhost: x\r\n` +
    `authorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const upgrade =
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
    'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  const polling = get('/socket.io/?EIO=4&transport=polling')
  await Promise.all(
    sockets.map(async socket => {
      const text = Array.from({ length: 1 + chance.below(20) }, () =>
        chance.pick([get('/health'), get('/'), get('/docs/swagger-ui-bundle.js'), post, upgrade, polling]),
      ).join('')
      socket.write(text.slice(0, 1 + chance.below(text.length)))
      if (chance.below(2) === 0) await Promise.race([once(socket, 'data'), once(socket, 'close')])
      const leave = chance.below(3)
      if (leave === 0) await reset(socket)
      else if (leave === 1) socket.destroy()
      else socket.end() // The client never reads the rest.
    }),
  )
  for (const socket of sockets) socket.destroy()
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

/** Few enough at a time for the accept queue of the listening socket. */
const AT_ONCE = 200

async function open(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () =>
      connect(Number(port), hostname),
    )
    for (const socket of some) socket.on('error', () => {})
    await Promise.all(some.map(socket => once(socket, 'connect')))
    sockets.push(...some)
  }
  return sockets
}

async function reset(socket: Socket): Promise<void> {
  if (socket.destroyed) return
  const closed = once(socket, 'close')
  socket.resetAndDestroy()
  await closed
}
