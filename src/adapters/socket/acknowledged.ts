/*
 * Emits that clients acknowledge. Each process asks its own sockets, and notes who has answered: so an acknowledgement
 * never travels, and it does not matter what becomes of the process that emitted. An emit to others goes as a word
 * to their servers, by the same channel as all emits.
 *
 * Socket.IO's own broadcast with acknowledgements does not tell who acknowledged, and sends every single answer back
 * through Redis. Its adapter does call what it is given as the socket that answered (pinned by a test), and encodes
 * once for all sockets.
 */
import type { Server, Socket } from 'socket.io'
import type { Envelope, Person } from '../../dispatch/ports.js'
import type { SocketData } from './authenticate.js'
import { fromOldRooms } from './cluster/old-rooms.js'
import { isAnybodyIn } from './rooms.js'

/** Between processes: "ask your sockets". */
const ASK = 'ask'
/**
 * How long an answer counts at least. What is not pushed yet by then (FCM was away) is pushed though the user may
 * have it; kept for longer, those that never answer would cost memory.
 */
const ANSWERS_KEPT_MS = 60_000
/** `EVENT` in Socket.IO's protocol. */
const EVENT = 2

export type OnAcknowledged = (person: Person, envelopeId: string) => void

export interface AcknowledgedEmits {
  /** To the sockets of this process. */
  askOwn(rooms: readonly string[], except: readonly string[], envelope: Envelope): void
  /** To the sockets of all processes. */
  askAll(rooms: readonly string[], except: readonly string[], envelope: Envelope): void
  /** To one socket. */
  askOne(socket: Socket, envelope: Envelope): void
  /** Nobody is asked for acknowledgements before; what is emitted is emitted all the same. */
  onAcknowledged(listener: OnAcknowledged): void
  stop(): void
}

/** What Socket.IO's socket keeps of those that were asked; private there. */
interface Asked {
  readonly acks: Map<number, (this: Socket) => void>
}

export function createAcknowledgedEmits(io: Server, hasOthers: boolean): AcknowledgedEmits {
  const own = io.of('/')
  let note: OnAcknowledged = () => {}
  /** The number of the last emit that was asked for at least one round, and at least two rounds ago. */
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

/** Those up to a number, which are in the order in which they were asked. */
function forget({ acks }: Asked, upTo: number): void {
  for (const id of acks.keys()) {
    if (id > upTo) return
    acks.delete(id)
  }
}
