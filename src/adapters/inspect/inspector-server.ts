/*
 * What Stately's inspector reads from: a page that frames theirs, and a WebSocket that carries what happens. The package has a
 * server of its own, which listens on every address of the machine and asks nobody who he is; instances hold where people are.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'

/** Their page, which shows what ours hands to it. */
const INSPECTOR = 'https://stately.ai'
/** For a page that is opened, or loaded again, later: enough to see the last few requests. */
const EVENTS_KEPT = 200
/** Pages open at once: of one person, with some to spare. */
const MAX_VIEWERS = 10
/** Of a page that does not read. Beyond it the page is cut off, and can be loaded again. */
const MAX_WAITING_BYTES = 4 * 1_048_576
/** Viewers have nothing to say. */
const MAX_MESSAGE_BYTES = 1_024

export interface InspectorServer {
  /** Holds the token: whoever has it sees every instance. */
  readonly url: string
  send(event: unknown): void
  close(): void
}

/** `host`: the address that it listens on, and no other. `port` 0 takes any. */
export async function createInspectorServer(
  sockets: typeof WebSocketServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<InspectorServer> {
  const token = randomBytes(24).toString('base64url')
  const kept: string[] = []
  const viewers = new Set<WebSocket>()
  const webSockets = new sockets({ noServer: true, maxPayload: MAX_MESSAGE_BYTES })
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

/** What comes before their page is ready waits for it. */
const PAGE = `<!doctype html>
<html lang="en">
<title>Live instances</title>
<style>html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0 }</style>
<iframe src="${INSPECTOR}/inspect"></iframe>
<script>
  const inspector = document.querySelector('iframe').contentWindow
  const waiting = []
  let isReady = false
  const hand = event => inspector.postMessage(event, '${INSPECTOR}')
  addEventListener('message', ({ data, origin }) => {
    if (origin !== '${INSPECTOR}' || data?.type !== '@statelyai.connected') return
    isReady = true
    waiting.splice(0).forEach(hand)
  })
  new WebSocket(location.href.replace(/^http/, 'ws')).onmessage = ({ data }) => {
    const event = JSON.parse(data)
    if (isReady) hand(event)
    else waiting.push(event)
  }
</script>
</html>
`
