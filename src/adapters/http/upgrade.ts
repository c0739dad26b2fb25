import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { connectionOf } from './traffic/traffic.js'

/** Where Socket.IO takes WebSockets. Every other request that asks for an upgrade is answered as if it did not ask. */
const UPGRADES_PATH = '/socket.io/'

/**
 * RFC 9110 section 7.8 lets a server ignore `Upgrade`, which some clients send with their first request (`h2c`: Java's
 * own, curl --http2). Node cannot: once the server has one listener for upgrades, all that ask for one come there, with
 * nothing that answers them or ever closes their sockets. So the request is put back into its socket, without the
 * question, and read anew.
 */
export function ignoreUpgrades(server: Server): void {
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node has taken its own listener away. Without one an error would end the process.
    if (socket.listenerCount('error') === 0) socket.on('error', () => socket.destroy())
    const isTaken = server.listenerCount('upgrade') > 1 && req.url?.startsWith(UPGRADES_PATH)
    if (isTaken) return
    connectionOf(req.socket)?.whenIdle(() => {
      socket.unshift(Buffer.concat([Buffer.from(withoutUpgrade(req), 'latin1'), head]))
      server.emit('connection', socket)
      socket.resume()
    })
  })
}

function withoutUpgrade({ method, url, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/1.1`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]]
    const lower = name.toLowerCase()
    if (lower === 'upgrade' || lower === 'http2-settings') continue
    const kept = lower === 'connection' ? value.replace(/\b(upgrade|http2-settings)\b/gi, '') : value
    if (lower !== 'connection' || /\w/.test(kept)) lines.push(`${name}: ${kept}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
