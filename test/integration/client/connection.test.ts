/* The client's connection against a bare Socket.IO server: what a server of ours does not do on demand. */
import { createServer, type Server as NodeServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { Server, type Socket } from 'socket.io'
import { createConnection } from '../../../src/client/connection.js'
import { createClient } from '../../../src/client/index.js'
import { until } from '../../support/engine/engine.js'
import { openClientLink } from '../../support/network/client-link.js'

let http: NodeServer
let io: Server
let url: string
const sockets: Socket[] = []
const cleanups: (() => unknown)[] = []

beforeEach(async () => {
  http = createServer()
  io = new Server(http)
  io.on('connection', socket => sockets.push(socket))
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  sockets.splice(0)
  await io.close()
})

const event = (id: string) => ({ id, broadcastId: 'b', version: 1, type: 'trip_assigned', at: '', data: {} })
const backoff = { firstMs: 5, longestMs: 20 }

describe('R7.3 the client’s connection', () => {
  it('R7.3 acknowledges what the server wants to know the arrival of, a repetition too, and a handler that fails', async () => {
    const client = createClient({ url, token: 'x', after: 'somewhere', backoff })
    cleanups.push(() => client.close())
    const heard: string[] = []
    client.on('trip_assigned', ({ id }) => heard.push(id))
    expect(await client.connect()).toEqual({ ok: true })
    const [socket] = sockets
    expect(socket?.handshake.auth).toEqual({ token: 'x', after: 'somewhere' })
    for (const id of ['1', '1', '2']) {
      await expect(socket?.timeout(5_000).emitWithAck('trip_assigned', event(id))).resolves.toBeUndefined()
    }
    await expect(socket?.timeout(5_000).emitWithAck('unheard_of', null)).resolves.toBeUndefined()
    expect(heard).toEqual(['1', '2'])
    expect(client.point).toBe('2')
  })

  it('R7.3 names the last event that it saw, each time, and comes back however it was ended', async () => {
    const client = createClient({ url, token: 'x', after: 'somewhere', backoff })
    cleanups.push(() => client.close())
    await client.connect()
    const ends: ((socket: Socket) => void)[] = [
      socket => socket.disconnect(true),
      socket => socket.conn.close(),
      socket => socket.disconnect(),
    ]
    for (const [i, end] of ends.entries()) {
      await until(() => sockets.length === i + 1 && client.isConnected)
      const socket = sockets[i] as Socket
      await socket.timeout(5_000).emitWithAck('trip_assigned', event(`seen ${i}`))
      end(socket)
    }
    await until(() => sockets.length === ends.length + 1)
    expect(sockets.map(({ handshake }) => handshake.auth.after)).toEqual([
      'somewhere',
      'seen 0',
      'seen 1',
      'seen 2',
    ])
  })

  it('R9.4 R7.3 sent away by a process that ends comes back at once, and then waits its time like everybody', async () => {
    const never = { firstMs: 3_600_000, longestMs: 3_600_000 }
    const client = createClient({ url, token: 'x', after: 'somewhere', backoff: never })
    const other = createClient({ url, token: 'x', after: 'somewhere', backoff: never })
    cleanups.push(() => client.close())
    cleanups.push(() => other.close())
    const seen: string[] = []
    client.on('event', ({ type }) => seen.push(type))
    await client.connect()
    await sockets[0]?.timeout(5_000).emitWithAck('trip_assigned', event('seen'))
    sockets[0]?.emit('going_away', { type: 'going_away', at: '', data: {} })
    await until(() => sockets.length === 2 && client.isConnected)
    expect(sockets[1]?.handshake.auth.after).toBe('seen')
    expect(seen).toEqual(['trip_assigned'])
    // The next one is cut without a word. Another client connects in the time in which it would be back.
    sockets[1]?.conn.close()
    await until(() => !client.isConnected)
    await other.connect()
    expect(sockets).toHaveLength(3)
    expect(client.isConnected).toBe(false)
  })

  it('R7.3 that is dead and does not know it is given up when a heartbeat is not answered', async () => {
    const link = await openClientLink(url)
    const beats: unknown[] = []
    io.on('connection', socket => {
      socket.on('heartbeat', (beat, answer) => {
        beats.push(beat)
        answer({ ok: true })
      })
    })
    const reasons: string[] = []
    const connection = createConnection(
      {
        url: link.url,
        token: 'x',
        beat: () => ({ lat: 1, lng: beats.length }),
        backoff,
        heartbeatMs: 20,
        answerTimeoutMs: 200,
      },
      {
        point: async () => ({ ok: true, status: 200, value: 'here', isReplayed: false }),
        heard() {},
        connected() {},
        disconnected: reason => reasons.push(reason),
        refused() {},
        failed() {},
      },
    )
    cleanups.push(() => connection.close(), link.close)
    connection.open()
    await until(() => beats.length > 2)
    link.swallow()
    await until(() => reasons.length > 0)
    const before = beats.length
    await until(() => beats.length > before) // through a new connection
    expect(sockets.length).toBeGreaterThan(1)
  })

  it('R7.3 waits as long as the server asks for, when that refuses it for now', async () => {
    let refusals = 0
    io.use((_socket, next) => {
      if (refusals++ > 0) return next()
      const data = {
        code: 'UNAVAILABLE',
        status: 503,
        title: 'Temporarily unavailable',
        retryAfterSeconds: 0.3,
      }
      next(Object.assign(new Error('not now'), { data }))
    })
    const client = createClient({ url, token: 'x', after: 'somewhere', backoff })
    cleanups.push(() => client.close())
    const begunAt = performance.now()
    expect(await client.connect()).toEqual({ ok: true })
    expect(performance.now() - begunAt).toBeGreaterThan(250)
  })

  it('R7.3 keeps asking to watch until it is answered, and again after each connection', async () => {
    const asked: { broadcastId: string; after?: string }[] = []
    io.on('connection', socket => {
      socket.on('watch', (message, answer) => {
        asked.push(message)
        if (message.broadcastId === 'bad') answer({ code: 'NOT_FOUND', status: 404, title: 'Not found' })
        else if (asked.length === 1) {
          answer({ code: 'RATE_LIMITED', status: 429, title: 'Slow down', retryAfterSeconds: 0.01 })
        } else answer({ ok: true })
      })
    })
    const client = createClient({ url, token: 'x', after: 'somewhere', backoff })
    cleanups.push(() => client.close())
    const watching = client.watch('good') // before there is a connection
    await client.connect()
    expect(await watching).toEqual({ ok: true })
    expect(await client.watch('bad')).toMatchObject({ ok: false, problem: { code: 'NOT_FOUND' } })
    await sockets[0]?.timeout(5_000).emitWithAck('trip_assigned', event('seen'))
    sockets[0]?.conn.close()
    await until(() => asked.length === 4)
    expect(asked).toEqual([
      { broadcastId: 'good' },
      { broadcastId: 'good' },
      { broadcastId: 'bad' },
      { broadcastId: 'good', after: 'seen' },
    ])
  })
})
