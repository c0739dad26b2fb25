/*
 * Emits that clients acknowledge. Each process emits to its own sockets and records their acknowledgements. So an
 * acknowledgement never travels between processes, and the process that emitted may crash. Emits to other processes are
 * sent as a message to their servers, over the channel of all emits.
 *
 * Socket.IO's own broadcast with acknowledgements does not say which sockets acknowledged, and sends each
 * acknowledgement back through Redis. But its adapter calls our callback with the socket as `this` (a test pins it),
 * and encodes the packet once for all sockets.
 */
import type { Server, Socket } from 'socket.io'
import type { Envelope, Person } from '../../dispatch/ports.js'
import type { SocketData } from './authenticate.js'
import { fromOldRooms } from './cluster/old-rooms.js'
import { isAnybodyIn } from './rooms.js'

/** The message between processes: emit this to your sockets and collect acknowledgements. */
const ASK = 'ask'
/**
 * How long an acknowledgement is accepted, at least. If a push is still pending by then (FCM was down), the user may
 * get it twice. With a longer time, clients that never acknowledge would fill the memory.
 */
const ANSWERS_KEPT_MS = 60_000
/** The packet type `EVENT` of Socket.IO's protocol. */
const EVENT = 2

export type OnAcknowledged = (person: Person, envelopeId: string) => void

export interface AcknowledgedEmits {
  /** Emits to the sockets of this process. */
  askOwn(rooms: readonly string[], except: readonly string[], envelope: Envelope): void
  /** Emits to the sockets of all processes. */
  askAll(rooms: readonly string[], except: readonly string[], envelope: Envelope): void
  /** Emits to one socket. */
  askOne(socket: Socket, envelope: Envelope): void
  /** Sets the listener. Acknowledgements that come before are dropped. */
  onAcknowledged(listener: OnAcknowledged): void
  stop(): void
}

/** Socket.IO's private table of pending acknowledgements of a socket. */
interface Asked {
  readonly acks: Map<number, (this: Socket) => void>
}

export function createAcknowledgedEmits(io: Server, hasOthers: boolean): AcknowledgedEmits {
  const own = io.of('/')
  let note: OnAcknowledged = () => {}
  /** The id of the newest packet, and of the newest packet that is at least one round old. */
  let newest = -1
  let oldEnough = -1
  const round = setInterval(() => {
    for (const socket of own.sockets.values()) forget(socket as unknown as Asked, oldEnough)
    oldEnough = newest
  }, ANSWERS_KEPT_MS).unref()

  function noteBy(envelope: Envelope) {
    return function (this: Socket) {
      if (envelope.id !== undefined) note((this.data as SocketData).caller, envelope.id)
    }
  }

  function askOwn(rooms: readonly string[], except: readonly string[], envelope: Envelope): void {
    if (!isAnybodyIn(io, rooms)) return
    const packet: { type: number; data: unknown[]; id?: number } = {
      type: EVENT,
      data: [envelope.type, envelope],
    }
    const to = { rooms: new Set(rooms), except: new Set(except), flags: { local: true } }
    own.adapter.broadcastWithAck(packet, to, () => {}, noteBy(envelope))
    newest = packet.id ?? newest
  }

  if (hasOthers) {
    io.on(ASK, (to: string[], not: string[], envelope: Envelope) => {
      const { rooms, except } = fromOldRooms({ rooms: to, except: not }, envelope)
      askOwn(rooms, except, envelope)
    })
  }
  return {
    askOwn,
    askAll(rooms, except, envelope) {
      askOwn(rooms, except, envelope)
      if (hasOthers) io.serverSideEmit(ASK, rooms, except, envelope)
    },
    askOne(socket, envelope) {
      socket.timeout(ANSWERS_KEPT_MS).emit(envelope.type, envelope, (error: Error | null) => {
        if (error === null) noteBy(envelope).call(socket)
      })
    },
    onAcknowledged(listener) {
      note = listener
    },
    stop: () => clearInterval(round),
  }
}

/** Removes the entries with ids up to `upTo`. The table is in the order of the ids. */
function forget({ acks }: Asked, upTo: number): void {
  for (const id of acks.keys()) {
    if (id > upTo) return
    acks.delete(id)
  }
}
