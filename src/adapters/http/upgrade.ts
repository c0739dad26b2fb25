import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { connectionOf } from './traffic/traffic.js'

/** Socket.IO's path for WebSockets. Any other request for an upgrade is answered as if it had not asked for one. */
const UPGRADES_PATH = '/socket.io/'

/**
 * RFC 9110 section 7.8 lets a server ignore `Upgrade`, which some clients send with their first request (`h2c`: Java's
 * own, curl --http2). Node cannot ignore it. Once the server has an upgrade listener, every such request goes there, and
 * nothing answers it or closes its socket. So the request is put back into its socket without the header and parsed again.
 */
export function ignoreUpgrades(server: Server): void {
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node has removed its own listener. Without one, an error would end the process.
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
