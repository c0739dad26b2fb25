/* A Socket.IO client at the level of bytes, for behaviour that a well-behaved client never shows. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '../engine/engine.js'

export interface RawSocket {
  readonly socket: Socket
  /** All received bytes, as text. */
  text(): string
  /** Sends one WebSocket frame. `opcode` 1 is text, 2 is binary. */
  send(payload: string | Buffer, opcode?: number): void
  /** Sends bytes unchanged. */
  write(bytes: Buffer): void
  /** True if the server has announced that it closes, or the connection is gone. */
  readonly isClosed: boolean
  /** Resolves when the connection is gone. */
  closed(): Promise<void>
}

/** Opens a WebSocket of Engine.IO 4. With a token it becomes a connected Socket.IO socket. */
export async function openRawSocket(url: string, token?: string): Promise<RawSocket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  let isGone = false
  socket.on('data', chunk => chunks.push(chunk)).on('error', () => {})
  const end = once(socket, 'close').then(() => {
    isGone = true
  })
  const text = () => Buffer.concat(chunks).toString('latin1')
  const isClosed = () => isGone || closeFrame.test(text())
  const send = (payload: string | Buffer, opcode = 1) =>
    socket.write(frame(Buffer.from(payload as string), opcode))
  socket.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
      `sec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  await until(() => isClosed() || text().includes('"sid"'))
  if (token !== undefined) {
    send(`40${JSON.stringify({ token })}`)
    await until(() => isClosed() || /40\{"sid"|44\{/.test(text()))
  }
  return {
    socket,
    text,
    send,
    write: bytes => void socket.write(bytes),
    get isClosed() {
      return isClosed()
    },
    closed: () => end,
  }
}

/** A close frame without a reason, or with one. Nothing else that a server sends to a raw client contains such a byte. */
const closeFrame = new RegExp(`${String.fromCharCode(0x88)}[\\x00\\x02]`)

/** Clients must mask their frames (RFC 6455 §5.2). */
function frame(payload: Buffer, opcode: number): Buffer {
  const mask = randomBytes(4)
  const head =
    payload.length < 126
      ? Buffer.of(0x80 | opcode, 0x80 | payload.length)
      : payload.length < 65_536
        ? Buffer.of(0x80 | opcode, 0xfe, payload.length >> 8, payload.length & 0xff)
        : Buffer.concat([Buffer.of(0x80 | opcode, 0xff), bigEndian(payload.length)])
  const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)))
  return Buffer.concat([head, mask, masked])
}

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}
