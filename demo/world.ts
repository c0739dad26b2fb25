/*
 * The people: transporters with trucks and drivers around the hubs, and customers with loads. All follow from the seed.
 */
import { findHubs, type Hub, type Town } from './places.js'
import type { Random } from './random.js'

export interface Vehicle {
  readonly id: string
  readonly vehicleType: string
  readonly number: string
}

export interface Driver {
  readonly id: string
  readonly name: string
  readonly phone: string
  /** The vehicle that the driver uses all day. */
  readonly vehicle: Vehicle
  readonly town: Town
}

export interface Transporter {
  readonly id: string
  readonly hub: Hub
  readonly drivers: readonly Driver[]
}

export interface Customer {
  readonly id: string
  readonly hub: Hub
}

export interface World {
  readonly towns: readonly Town[]
  readonly hubs: readonly Hub[]
  readonly transporters: readonly Transporter[]
  readonly customers: readonly Customer[]
}

export interface WorldOptions {
  readonly transporters: number
  readonly customers: number
  /** The prefix of every id. Two worlds on one server must not share drivers. */
  readonly prefix: string
}

/** The share in the fleet and in the requests. */
export const vehicleTypes = [
  { type: 'tata_ace', share: 0.35 },
  { type: '14ft', share: 0.3 },
  { type: '20ft', share: 0.2 },
  { type: '32ft_mxl', share: 0.15 },
] as const

/** Nobody owns this type, so its requests end without a transporter. */
export const UNKNOWN_TYPE = '40ft_trailer'

/** Codes of states for number plates. */
const STATE_CODES = ['MH', 'DL', 'HR', 'GJ', 'TN', 'KA', 'TS', 'WB', 'MP', 'PB', 'UP', 'RJ'] as const
const NAMES = [
  'Ramesh',
  'Suresh',
  'Gurpreet',
  'Imran',
  'Lakshmi',
  'Anil',
  'Vijay',
  'Salim',
  'Kavita',
  'Murugan',
]
const SURNAMES = ['Yadav', 'Singh', 'Patil', 'Khan', 'Reddy', 'Das', 'Sharma', 'Pillai', 'Solanki', 'Gowda']

export function createWorld(towns: readonly Town[], random: Random, options: WorldOptions): World {
  const hubs = findHubs(towns)
  const { prefix } = options
  return {
    towns,
    hubs,
    transporters: Array.from({ length: options.transporters }, (_, index) =>
      createTransporter(`${prefix}t${index + 1}`, hubOf(hubs, index), random.fork(`fleet ${index}`)),
    ),
    customers: Array.from({ length: options.customers }, (_, index) => ({
      id: `${prefix}c${index + 1}`,
      hub: hubOf(hubs, index),
    })),
  }
}

/** Assigns hubs in turn, so that each has trucks and loads. */
function hubOf(hubs: readonly Hub[], index: number): Hub {
  const hub = hubs[index % hubs.length]
  if (hub === undefined) throw new RangeError('a world needs a hub')
  return hub
}

function createTransporter(id: string, hub: Hub, random: Random): Transporter {
  const count = random.pickWeighted([1, 2, 3, 4, 5, 6], trucks => 9 - trucks)
  const drivers = Array.from({ length: count }, (_, index) => createDriver(`${id}-${index + 1}`, hub, random))
  return { id, hub, drivers }
}

function createDriver(suffix: string, hub: Hub, random: Random): Driver {
  return {
    id: `d-${suffix}`,
    name: `${random.pick(NAMES)} ${random.pick(SURNAMES)}`,
    phone: `+91 9${random.int(100_000_000, 999_999_999)}`,
    vehicle: {
      id: `v-${suffix}`,
      vehicleType: random.pickWeighted(vehicleTypes, ({ share }) => share).type,
      number: numberPlate(random),
    },
    town: pickTown(hub.towns, random),
  }
}

function numberPlate(random: Random): string {
  const letters = `${random.pick([...'ABCDEFGH'])}${random.pick([...'ABCDEFGH'])}`
  const district = String(random.int(1, 49)).padStart(2, '0')
  return `${random.pick(STATE_CODES)} ${district} ${letters} ${random.int(1000, 9999)}`
}

/** Picks larger towns more often, by the square root of their size; otherwise the hub itself would get everything. */
export function pickTown(towns: readonly Town[], random: Random): Town {
  return random.pickWeighted(towns, ({ population }) => Math.sqrt(Math.max(population, 1000)))
}
