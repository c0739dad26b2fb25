import type { Socket } from 'node:net'

/** Whether a client reads what it is sent. */
export class Reading {
  readonly #socket: Socket
  #queuedBytes = 0
  #lastAtMs = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** When the client was last seen to read from an answer that began then. Call it at regular intervals. */
  lastAtMs(beganAtMs: number, nowMs: number): number {
    // Node's internal count of bytes that the kernel has not taken, which its socket timeouts use. The public counters
    // count a write as a whole.
    const { _handle: handle } = this.#socket as { _handle?: { readonly writeQueueSize?: number } | null }
    const queuedBytes = handle?.writeQueueSize ?? 0
    if (queuedBytes !== this.#queuedBytes) this.#lastAtMs = nowMs
    this.#queuedBytes = queuedBytes
    return Math.max(this.#lastAtMs, beganAtMs)
  }
}
