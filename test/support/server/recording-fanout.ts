import { type Envelope, type Fanout, personKey } from '../../../src/dispatch/ports.js'

export interface Emit {
  readonly rooms: readonly string[]
  readonly envelope: Envelope
  readonly except: readonly string[]
}

export interface RecordingFanout extends Fanout {
  readonly emits: Emit[]
  readonly disconnected: string[]
  /** The events that a socket in only this room would have received. */
  heardIn(room: string): Envelope[]
  /** The same, of one type. */
  heard(room: string, type: string): Envelope[]
}

/** Records the emitted events and their rooms. */
export function recordingFanout(): RecordingFanout {
  const emits: Emit[] = []
  const disconnected: string[] = []
  const heardIn = (room: string) =>
    emits.filter(e => e.rooms.includes(room) && !e.except.includes(room)).map(e => e.envelope)
  return {
    emits,
    disconnected,
    emit: (rooms, envelope, except = []) => void emits.push({ rooms, envelope, except }),
    disconnectPerson: person => void disconnected.push(personKey(person)),
    endSessions: () => {},
    heardIn,
    heard: (room, type) => heardIn(room).filter(envelope => envelope.type === type),
  }
}
