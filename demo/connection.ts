/* One user's socket: connected once, each event handled once. */
import { io, type Socket } from 'socket.io-client'
import type { Envelope } from '../src/dispatch/ports.js'
import type { Ledger } from './ledger.js'

export interface Connection {
  /** Sends a message and expects `{ok: true}`. */
  say(type: string, message: unknown): Promise<void>
  close(): void
}

const ANSWER_TIMEOUT_MS = 20_000

export async function openConnection(
  url: string,
  token: string,
  ledger: Ledger,
  handle: (envelope: Envelope) => void,
): Promise<Connection> {
  const socket = io(url, { transports: ['websocket'], multiplex: false, auth: { token } })
  socket.onAny(handleOnce(ledger, handle))
  await connected(socket)
  let isClosing = false
  socket.on('disconnect', reason => {
    if (!isClosing) ledger.surprise(`a socket was disconnected: ${reason}`)
  })
  return {
    async say(type, message) {
      const answer = await socket
        .timeout(ANSWER_TIMEOUT_MS)
        .emitWithAck(type, message)
        .catch((error: Error) => ({ title: error.message }))
      if (answer.ok !== true && !isClosing) ledger.surprise(`${type}: ${JSON.stringify(answer)}`)
    },
    close() {
      isClosing = true
      socket.disconnect()
    },
  }
}

/** Delivery is at least once: clients drop ids that they know. Some events want to be acknowledged. */
function handleOnce(ledger: Ledger, handle: (envelope: Envelope) => void) {
  const known = new Set<string>()
  return (_type: string, envelope: Envelope, acknowledge?: () => void) => {
    acknowledge?.()
    if (envelope.id !== undefined) {
      if (known.has(envelope.id)) return ledger.add('events delivered again')
      known.add(envelope.id)
    }
    ledger.add('socket events')
    handle(envelope)
  }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', error => {
      socket.disconnect()
      reject(new Error(`A socket could not connect: ${error.message}`))
    })
  })
}
