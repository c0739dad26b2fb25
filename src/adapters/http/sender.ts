import type { IncomingMessage } from 'node:http'
import type { Sender } from '../../dispatch/ports.js'

export function senderOf({ socket, headers }: IncomingMessage): Sender {
  const forwarded = headers['x-forwarded-for']
  return {
    remoteAddress: socket.remoteAddress,
    forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
  }
}

/** The result of counting a request for its address: when to retry, if it exceeds the limit. */
export interface AddressCount {
  readonly retryAfterSeconds: number | undefined
}
