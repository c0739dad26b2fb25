/* The requests of customers, in one of the contract's three forms. */
import type { Hub, Town } from './places.js'
import type { Random } from './random.js'
import { pickTown, UNKNOWN_TYPE, vehicleTypes, type World } from './world.js'

export interface Load {
  /** The path of its form. */
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly truckCount: number
}

interface TruckLine {
  readonly vehicleType: string
  readonly count: number
}

/** Outside the rings of all hubs, so only the step that asks every transporter finds a truck. */
const REMOTE_SHARE = 0.06
/** The share of requests for a truck type that nobody owns, alone or among others. */
const UNKNOWN_TYPE_SHARE = 0.06
const GOODS = [
  'Onions',
  'Cement',
  'Cotton bales',
  'Steel coils',
  'Tiles',
  'Medicines',
  'Furniture',
  'Spare parts',
]

export function createLoad(world: World, hub: Hub, random: Random): Load {
  const pickup = random.chance(REMOTE_SHARE) ? pickTown(world.towns, random) : pickTown(hub.towns, random)
  const drop = pickTown(random.pick(world.hubs.filter(other => other !== hub)).towns, random)
  const lines = createLines(random)
  const common = {
    pickup: placeOf(pickup),
    drop: placeOf(drop),
    goods: random.pick(GOODS),
    pricePerTruck: random.int(6, 90) * 1000,
  }
  const truckCount = lines.reduce((sum, line) => sum + line.count, 0)
  return { ...formOf(lines, common, random), truckCount }
}

const placeOf = ({ name, lat, lng }: Town) => ({ lat, lng, address: name })

/** One to six trucks, often few, of one to three types. */
export function createLines(random: Random): readonly TruckLine[] {
  const trucks = random.pickWeighted([1, 2, 3, 4, 5, 6], count => 1 / (count + 1))
  const types: string[] = Array.from(
    { length: random.int(1, Math.min(3, trucks)) },
    () => random.pickWeighted(vehicleTypes, ({ share }) => share).type,
  )
  if (random.chance(UNKNOWN_TYPE_SHARE)) types[0] = UNKNOWN_TYPE
  const counts = new Map<string, number>()
  for (let truck = 0; truck < trucks; truck += 1) {
    const type = types[truck % types.length] ?? UNKNOWN_TYPE
    counts.set(type, (counts.get(type) ?? 0) + 1)
  }
  return [...counts].map(([vehicleType, count]) => ({ vehicleType, count }))
}

function formOf(
  lines: readonly TruckLine[],
  common: Readonly<Record<string, unknown>>,
  random: Random,
): Pick<Load, 'path' | 'body'> {
  const [first, ...more] = lines
  if (first !== undefined && more.length === 0 && random.chance(0.7)) {
    const { vehicleType, count } = first
    return { path: '/api/v1/booking', body: { ...common, vehicleType, trucksNeeded: count } }
  }
  if (random.chance(0.5)) return { path: '/api/v1/broadcasts', body: { ...common, trucks: lines } }
  const truckRequests = lines.map(({ vehicleType, count }) => ({ vehicleType, quantity: count }))
  return { path: '/api/v1/orders', body: { ...common, truckRequests } }
}
