/*
 * Serves Stately's inspector: a page that frames the one at stately.ai, and a WebSocket that streams inspection events to it.
 * The inspector's package has such a server too, but it listens on every address of the machine and needs no token, and
 * instances contain places of people.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** The site of the inspector's page, which shows the events that our page posts to it. */
const INSPECTOR = 'https://stately.ai'
/** Events sent to a page when it is opened: enough to show the last few requests. */
const EVENTS_KEPT = 200
/** Pages open at once. One developer opens a few. */
const MAX_VIEWERS = 10
/** A page that does not read is disconnected once this much waits for it. It can be reloaded. */
const MAX_WAITING_BYTES = 4 * 1_048_576
/** Pages send nothing. */
const MAX_MESSAGE_BYTES = 1_024

export interface InspectorServer {
  /** Contains the token. Anyone who has it sees every instance. */
  readonly url: string
  send(event: unknown): void
  close(): void
}

/** Listens on `host` only. `port` 0 takes any free port. */
export async function createInspectorServer({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): Promise<InspectorServer> {
  const token = randomBytes(24).toString('base64url')
  const kept: string[] = []
  const viewers = new Set<WebSocket>()
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES })
  const server = createServer((req, res) => {
    if (!knows(req, token)) {
      res.writeHead(401, { 'content-type': 'text/plain; charset=utf-8' })
      res.end('Open the link that was printed at the start: it holds a token.\n')
      return
    }
    res.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    res.end(PAGE)
  })
  server.on('upgrade', (req, wire: Duplex, head) => {
    wire.on('error', () => wire.destroy())
    if (!knows(req, token) || viewers.size >= MAX_VIEWERS) {
      wire.end(
        `HTTP/1.1 ${viewers.size >= MAX_VIEWERS ? '503 Service Unavailable' : '401 Unauthorized'}\r\n\r\n`,
      )
      return
    }
    webSockets.handleUpgrade(req, wire, head, viewer => {
      viewers.add(viewer)
      viewer.on('error', () => viewer.terminate())
      viewer.once('close', () => viewers.delete(viewer))
      for (const event of kept) viewer.send(event)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address

  return {
    url: `http://${shownHost}:${address.port}/?token=${token}`,
    send(event) {
      const text = JSON.stringify(event)
      kept.push(text)
      if (kept.length > EVENTS_KEPT) kept.shift()
      for (const viewer of viewers) {
        if (viewer.bufferedAmount > MAX_WAITING_BYTES) viewer.terminate()
        else viewer.send(text)
      }
    },
    close() {
      for (const viewer of viewers) viewer.terminate()
      webSockets.close()
      server.close()
      server.closeAllConnections()
    },
  }
}

function knows(req: IncomingMessage, token: string): boolean {
  const given = new URL(req.url ?? '/', 'http://localhost').searchParams.get('token') ?? ''
  return given.length === token.length && timingSafeEqual(Buffer.from(given), Buffer.from(token))
}

/** Events that arrive before the framed page is ready are kept until it is. */
const PAGE = `<!doctype html>
<html lang="en">
<title>Live instances</title>
<style>html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0 }</style>
<iframe src="${INSPECTOR}/inspect"></iframe>
<script>
  const inspector = document.querySelector('iframe').contentWindow
  const waiting = []
  let isReady = false
  const post = event => inspector.postMessage(event, '${INSPECTOR}')
  addEventListener('message', ({ data, origin }) => {
    if (origin !== '${INSPECTOR}' || data?.type !== '@statelyai.connected') return
    isReady = true
    waiting.splice(0).forEach(post)
  })
  new WebSocket(location.href.replace(/^http/, 'ws')).onmessage = ({ data }) => {
    const event = JSON.parse(data)
    if (isReady) post(event)
    else waiting.push(event)
  }
</script>
</html>
`
