/* Receives a whole body, within bounds, before its request is handled. */
import type { IncomingMessage } from 'node:http'
import type { Exchange } from './traffic/exchange.js'
import type { Traffic } from './traffic/traffic.js'

/**
 * The contract's limit. A request of 500 trucks takes 20 KB. A megabyte is parsed in some milliseconds; much more would
 * block the event loop for other requests.
 */
export const MAX_BODY_BYTES = 1_048_576

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined
}

/** Calls `then` when the body is at `exchange.body`; never if the request ends first or is refused for being slow. */
export function receiveBody(exchange: Exchange, traffic: Traffic, then: () => void): void {
  const { req } = exchange.res
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    exchange.body = 'too large'
    then()
    return
  }
  const hasRoom = traffic.makeRoomToArrive(exchange)
  exchange.arrive()
  // A body that came with its headers is there in the next turn and needs no room, so a full room does not refuse it.
  if (!hasRoom) {
    setImmediate(() => {
      if (exchange.stage === 'arriving') traffic.refuse(exchange)
    })
  }
  const received = new Bytes()
  req.on('data', (chunk: Buffer) => {
    if (exchange.stage !== 'arriving') return // discard bytes after a refusal
    received.add(chunk)
    exchange.received(chunk.length)
    if (received.length > MAX_BODY_BYTES) {
      exchange.arrived()
      exchange.body = 'too large'
      received.clear()
      then()
    } else if (!traffic.makeRoomToGrow(exchange) && exchange.stage === 'arriving') {
      traffic.refuse(exchange)
    }
  })
  req.on('end', () => {
    if (exchange.stage !== 'arriving') return
    exchange.arrived()
    exchange.body = received.bytes
    then()
  })
}

const NONE = Buffer.alloc(0)

/** Contiguous bytes. A list would need hundreds of bytes for each chunk, and a chunk may be one byte. */
class Bytes {
  #buffer: Buffer = NONE
  length = 0

  /** The first chunk is usually the whole body, so it is kept as it is. */
  add(chunk: Buffer): void {
    const length = this.length + chunk.length
    if (this.length === 0) this.#buffer = chunk
    else {
      if (length > this.#buffer.length) {
        const larger = Buffer.allocUnsafeSlow(2 * length)
        this.#buffer.copy(larger, 0, 0, this.length)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.length)
    }
    this.length = length
  }

  clear(): void {
    this.#buffer = NONE
    this.length = 0
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length)
  }
}
