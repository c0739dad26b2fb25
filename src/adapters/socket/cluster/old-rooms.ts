/*
 * Rooms of the release before, `user:<id>`, which knew no roles. Its processes have sockets in them and emit to them until
 * they are replaced. No socket of this release ever joins one: a customer would hear a driver of the same id. Instead,
 * what comes for an old room goes to the person that the event is meant for, which its type and data say.
 * This file goes once no process of that release can live beside this one, with what calls it.
 */
import { type Envelope, PERSON_ROOM_PREFIX, personRoom, type Role } from '../../../dispatch/ports.js'

const OLD_PREFIX = 'user:'

/** The rooms in which sockets of old processes hear what is said in these; roles have no colon. */
export const oldRoomsOf = (rooms: readonly string[]): readonly string[] =>
  rooms
    .filter(room => room.startsWith(PERSON_ROOM_PREFIX))
    .map(room => OLD_PREFIX + room.slice(room.indexOf(':', PERSON_ROOM_PREFIX.length) + 1))

export interface Target {
  readonly rooms: readonly string[]
  readonly except: readonly string[]
}

/** Where a process of this release says what an old one said there. Its own kind names rooms of people: these stay. */
export function fromOldRooms({ rooms, except }: Target, envelope: Envelope): Target {
  if (!rooms.some(isOld) || rooms.some(room => room.startsWith(PERSON_ROOM_PREFIX))) return { rooms, except }
  const roomsFor = (room: string) => {
    if (!isOld(room)) return [room]
    const id = room.slice(OLD_PREFIX.length)
    return rolesMeant(envelope, id).map(role => personRoom({ role, id }))
  }
  return {
    rooms: rooms.flatMap(roomsFor),
    // Only ever the request's customer, who is told of its end in words of its own.
    except: except.map(room =>
      isOld(room) ? personRoom({ role: 'customer', id: room.slice(OLD_PREFIX.length) }) : room,
    ),
  }
}

const isOld = (room: string) => room.startsWith(OLD_PREFIX)

/** As whom this id is meant: the announcement table of the old release, read backwards. What is not in it is for nobody. */
function rolesMeant({ type, data }: Envelope, id: string): readonly Role[] {
  switch (type) {
    case 'trip_assigned':
      return ['driver']
    case 'trip_cancelled': {
      const { driverId, transporterId } = (data.trip ?? {}) as { driverId?: string; transporterId?: string }
      return [
        ...(id === driverId ? (['driver'] as const) : []),
        ...(id === transporterId ? (['transporter'] as const) : []),
      ]
    }
    case 'booking_updated':
    case 'truck_confirmed':
    case 'truck_released':
    case 'no_vehicles_available':
      return ['customer']
    case 'booking_expired':
      // The customer’s own, and no other, says where to ask again.
      return data.retry === undefined ? ['transporter'] : ['customer']
    case 'new_broadcast':
    case 'driver_status_changed':
      return ['transporter']
    default:
      return []
  }
}

interface Packet {
  readonly data?: readonly unknown[]
}

interface Options {
  rooms: string[]
  except: string[]
}

/** What the two adapters call with what has come from Redis; private there, pinned by a test. */
interface Receiving {
  /** The classic one’s: makes `[process, packet, options]` of bytes. */
  parser?: { encode(message: unknown): unknown; decode(bytes: Buffer): unknown }
  /** The classic one’s: what is for one room that nobody is in is not looked at. */
  hasRoom?(room: string): boolean
  /** The sharded one’s. */
  onMessage?(message: { data?: { packet?: Packet; opts?: Options } }, ...more: unknown[]): void
}

/** Has an adapter understand emits of old processes. */
export function understandOldRooms<TAdapter extends object>(adapter: TAdapter): TAdapter {
  const receiving = adapter as Receiving
  const { parser } = receiving
  const onMessage = receiving.onMessage?.bind(adapter)
  const hasRoom = receiving.hasRoom?.bind(adapter)
  if (hasRoom !== undefined) receiving.hasRoom = room => isOld(room) || hasRoom(room)
  if (parser !== undefined) {
    receiving.parser = {
      encode: message => parser.encode(message),
      decode(bytes) {
        const message = parser.decode(bytes)
        if (Array.isArray(message)) readdress(message[1], message[2])
        return message
      },
    }
  } else if (onMessage !== undefined) {
    receiving.onMessage = (message, ...more) => {
      readdress(message.data?.packet, message.data?.opts)
      onMessage(message, ...more)
    }
  }
  return adapter
}

function readdress(packet: Packet | undefined, options: Options | undefined): void {
  const envelope = packet?.data?.[1] as Envelope | undefined
  if (!Array.isArray(options?.rooms) || typeof envelope?.data !== 'object') return
  const { rooms, except } = fromOldRooms({ rooms: options.rooms, except: options.except ?? [] }, envelope)
  options.rooms = [...rooms]
  options.except = [...except]
}
