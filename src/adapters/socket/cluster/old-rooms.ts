/*
 * Rooms of the previous release, `user:<id>`, which had no role in their name. During an upgrade its processes still
 * have sockets in such rooms and emit to them. Sockets of this release never join one: a customer would get the events
 * of a driver with the same id. Instead an emit to an old room is redirected to the person that the event is meant for,
 * by its type and data. Delete this file and its calls when processes of that release can no longer run beside this
 * one.
 */
import { type Envelope, PERSON_ROOM_PREFIX, personRoom, type Role } from '../../../dispatch/ports.js'

const OLD_PREFIX = 'user:'

/** The old rooms of the same people, for sockets on old processes. Roles contain no colon. */
export const oldRoomsOf = (rooms: readonly string[]): readonly string[] =>
  rooms
    .filter(room => room.startsWith(PERSON_ROOM_PREFIX))
    .map(room => OLD_PREFIX + room.slice(room.indexOf(':', PERSON_ROOM_PREFIX.length) + 1))

export interface Target {
  readonly rooms: readonly string[]
  readonly except: readonly string[]
}

/** Maps the target of an old emit to rooms of this release. New emits also name rooms of people and stay unchanged. */
export function fromOldRooms({ rooms, except }: Target, envelope: Envelope): Target {
  if (!rooms.some(isOld) || rooms.some(room => room.startsWith(PERSON_ROOM_PREFIX))) return { rooms, except }
  const roomsFor = (room: string) => {
    if (!isOld(room)) return [room]
    const id = room.slice(OLD_PREFIX.length)
    return rolesMeant(envelope, id).map(role => personRoom({ role, id }))
  }
  return {
    rooms: rooms.flatMap(roomsFor),
    // Old emits leave out only the request's customer, who gets a different event about its end.
    except: except.map(room =>
      isOld(room) ? personRoom({ role: 'customer', id: room.slice(OLD_PREFIX.length) }) : room,
    ),
  }
}

const isOld = (room: string) => room.startsWith(OLD_PREFIX)

/**
 * The roles in which this id gets the event: the announcement table of the old release in reverse. Unknown events go to
 * nobody.
 */
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
      // Only the customer's own event says how to retry.
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

/** Members that the two adapters call for messages from Redis. They are private; a test pins them. */
interface Receiving {
  /** Classic adapter: decodes bytes to `[process, packet, options]`. */
  parser?: { encode(message: unknown): unknown; decode(bytes: Buffer): unknown }
  /** Classic adapter: messages for one room are skipped if no socket is in it. */
  hasRoom?(room: string): boolean
  /** Sharded adapter. */
  onMessage?(message: { data?: { packet?: Packet; opts?: Options } }, ...more: unknown[]): void
}

/** Makes an adapter redirect emits of old processes. Returns the same adapter. */
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
