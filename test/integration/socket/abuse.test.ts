import { afterEach, describe, expect, test } from '@jest/globals'
import { socketLimits } from '../../../src/adapters/socket/limits.js'
import { MAX_WATCHED } from '../../../src/adapters/socket/messages.js'
import { until } from '../../support/engine/engine.js'
import { scaled } from '../../support/engine/pace.js'
import { openRawSocket, type RawSocket } from '../../support/network/raw-socket.js'
import { type RoughNetwork, startRoughNetwork } from '../../support/network/rough-network.js'
import { disconnected, type Listener, listen } from '../../support/server/clients.js'
import { type SocketsAlone, startSocketsAlone } from '../../support/server/sockets-alone.js'
import { tokenFor } from '../../support/server/tokens.js'

/* What a client does that means harm, or has lost its mind, or its network. Others never notice. */

const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

async function start(limits: Parameters<typeof startSocketsAlone>[0] = {}): Promise<SocketsAlone> {
  const alone = await startSocketsAlone(limits)
  open.push(alone)
  return alone
}

async function connectAs(url: string, id: string): Promise<Listener> {
  const listener = await listen(url, await tokenFor('transporter', id))
  open.push(listener)
  return listener
}

async function raw(url: string, id?: string): Promise<RawSocket> {
  const client = await openRawSocket(url, id === undefined ? undefined : await tokenFor('transporter', id))
  open.push({ close: () => client.socket.destroy() })
  return client
}

const event = (text: string) => ({
  id: 'e',
  version: 1,
  type: 'booking_updated',
  at: new Date(0).toISOString(),
  data: { text },
})

describe('a client that does not read', () => {
  test('is disconnected before more bytes wait for it than the bound, and others get everything', async () => {
    const { url, sockets, lines } = await start()
    const good = await connectAs(url, 'good')
    const stuck = await raw(url, 'stuck')
    await until(() => sockets.countConnections() === 2)
    stuck.socket.pause()
    // The kernel takes some megabytes before anything waits in the process.
    const filling = 'x'.repeat(16_000)
    let sent = 0
    for (; sent < 5_000 && sockets.countConnections() === 2; sent += 1) {
      sockets.fanout.emit(['person:transporter:stuck', 'person:transporter:good'], event(filling))
      await until(() => good.events.length > sent)
    }
    expect(sockets.countConnections()).toBe(1)
    expect(good.socket.connected).toBe(true)
    const [line] = lines.filter(text => text.includes('does not read'))
    expect(JSON.parse(line ?? '{}').waiting).toBeLessThan(socketLimits.maxWaitingBytes + 2 * filling.length)
    expect(sent).toBeGreaterThan(socketLimits.maxWaitingBytes / filling.length)
  })

  test('is disconnected also before it has signed in', async () => {
    const { url, lines } = await start({ limits: { maxWaitingBytes: 20_000 } })
    const stranger = await raw(url)
    stranger.socket.pause()
    // Each is refused, with an answer that is not read. Below the bound on packets.
    const writing = setInterval(() => {
      for (let i = 0; i < 100; i += 1) stranger.send(`40/${'n'.repeat(10_000)},`)
    }, 5)
    await until(() => lines.some(line => /does not read|too many packets/.test(line)))
    clearInterval(writing)
  })
})

describe('a client that floods', () => {
  test('with packets other than messages is disconnected', async () => {
    // So few that a slow machine does not let the flood pass while it sends.
    const { url, lines, sockets } = await start({ limits: { packetsPerSecond: 1 } })
    const flood = await raw(url, 'flood')
    const good = await connectAs(url, 'good')
    for (let i = 0; i <= socketLimits.packetBurst + 100; i += 1) flood.send('3')
    await flood.closed()
    expect(lines.filter(line => line.includes('too many packets'))).toHaveLength(1)
    expect(await good.send('heartbeat', {})).toEqual({ ok: true })
    expect(sockets.countConnections()).toBe(1)
  })

  test('with one message that is too large is disconnected before it has been read', async () => {
    const { url } = await start()
    const large = await raw(url, 'large')
    // A frame that announces a gigabyte: its length alone is enough.
    large.write(Buffer.of(0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4))
    await large.closed()
  })

  test('with connections of one user keeps the newest', async () => {
    const { url, sockets } = await start({ limits: { maxConnectionsPerUser: 3 } })
    const first = await connectAs(url, 'many')
    const end = disconnected(first.socket)
    for (let i = 0; i < 3; i += 1) await connectAs(url, 'many')
    expect(await end).toBe('io server disconnect')
    expect(sockets.countConnections()).toBe(3)
    await connectAs(url, 'another')
    expect(sockets.countConnections()).toBe(4)
  })

  test('with connections that are not signed in is refused, and the present clients stay', async () => {
    const { url } = await start({ limits: { maxConnections: 2, connectTimeoutMs: 60_000 } })
    const good = await connectAs(url, 'good')
    await raw(url)
    const refused = await openRawSocket(url)
    expect(refused.text()).toMatch(/^HTTP\/1.1 (403|400)/)
    expect(await good.send('heartbeat', {})).toEqual({ ok: true })
  })

  test('with rooms may watch only a bounded number', async () => {
    const { url } = await start({ limits: { messageBurst: 1_000 } })
    const keen = await connectAs(url, 'keen')
    const id = (n: number) => `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}`
    for (let n = 0; n < MAX_WATCHED; n += 1) {
      expect(await keen.send('watch', { broadcastId: id(n) })).toEqual({ ok: true })
    }
    expect(await keen.send('watch', { broadcastId: id(999) })).toMatchObject({ code: 'VALIDATION_FAILED' })
    expect(await keen.send('unwatch', { broadcastId: id(0) })).toEqual({ ok: true })
    expect(await keen.send('watch', { broadcastId: id(999) })).toEqual({ ok: true })
  })
})

describe('a client that sends garbage', () => {
  const nonsense: readonly (readonly [string, (client: RawSocket) => void])[] = [
    ['bytes that are no frame', c => c.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))],
    ['a packet of no type', c => c.send('9')],
    ['an empty packet', c => c.send('')],
    ['a message that is no JSON', c => c.send('42["heartbeat",')],
    ['an event without a name', c => c.send('42[]')],
    ['an event that is no list', c => c.send('42{"a":1}')],
    ['an event whose name is an object', c => c.send('42[{"a":1},2]')],
    ['a reserved event', c => c.send('42["disconnect",{}]')],
    ['an event for a namespace that is not there', c => c.send('42/admin,["heartbeat",{}]')],
    ['a second connect', c => c.send('40{"token":"x"}')],
    ['a thousand attachments', c => c.send('451000-["heartbeat",{"_placeholder":true,"num":0}]')],
    ['attachments that never come', c => c.send('451-["heartbeat",{"_placeholder":true,"num":0}]')],
    ['an attachment that is not there', c => c.send('451-["heartbeat",{"_placeholder":true,"num":7}]')],
    ['binary without an event', c => c.send(Buffer.of(1, 2, 3), 2)],
    ['an answer to what was never asked', c => c.send('4399[1]')],
    ['an id beyond all numbers', c => c.send('4299999999999999999999999["heartbeat",{}]')],
    ['letters that are none', c => c.send(Buffer.of(0x34, 0x32, 0xff, 0xfe), 1)],
  ]

  test.each(nonsense)('%s: an answer or a disconnect, without effect on others', async (_what, act) => {
    const { url, lines } = await start()
    const good = await connectAs(url, 'good')
    const bad = await raw(url, 'bad')
    act(bad)
    // What comes after it is answered, unless that was the end.
    if (!bad.isClosed) bad.send('427["heartbeat",{}]')
    await until(() => bad.isClosed || bad.text().includes('437['))
    expect(await good.send('heartbeat', {})).toEqual({ ok: true })
    expect(lines.filter(line => /"level":[56]0/.test(line))).toEqual([])
  })

  test('before it has signed in', async () => {
    const { url } = await start()
    const good = await connectAs(url, 'good')
    for (const [, act] of nonsense) act(await raw(url))
    expect(await good.send('heartbeat', {})).toEqual({ ok: true })
  })

  test('and one that never signs in is disconnected', async () => {
    const { url } = await start({ limits: { connectTimeoutMs: 200 } })
    await (await raw(url)).closed()
  })
})

describe('a client whose network was lost', () => {
  test('half open is noticed by its silence, and its rooms are left', async () => {
    const { url, sockets } = await start({ limits: { pingIntervalMs: 100, pingTimeoutMs: scaled(2_000) } })
    const network: RoughNetwork = await startRoughNetwork([url])
    open.push(network)
    const lost = await connectAs(network.url, 'lost')
    const good = await connectAs(url, 'good')
    network.swallow()
    await until(() => sockets.countConnections() === 1)
    // Neither end noticed.
    expect(network.size).toBeLessThanOrEqual(1)
    expect(lost.events).toEqual([])
    expect(await good.send('heartbeat', {})).toEqual({ ok: true })
  })
})

describe('R7.2 a user that is turned off', () => {
  test('is disconnected even if the message about it did not arrive', async () => {
    const { url, inactive } = await start({ limits: { checkSessionsEveryMs: 50 } })
    const bad = await connectAs(url, 'bad')
    const good = await connectAs(url, 'good')
    const end = disconnected(bad.socket)
    inactive.add('bad')
    expect(await end).toBe('io server disconnect')
    expect(good.socket.connected).toBe(true)
  })
})
