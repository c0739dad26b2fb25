import { describe, expect, it } from '@jest/globals'
import { createLines, createLoad } from '../../../demo/loads.js'
import { loadTowns, townsWithin } from '../../../demo/places.js'
import { createRandom } from '../../../demo/random.js'
import { createWorld } from '../../../demo/world.js'
import { createBooking, createBroadcast, createOrder } from '../../../src/dispatch/requests.js'

const towns = loadTowns()
const create = (seed: number) =>
  createWorld(towns, createRandom(seed), { transporters: 40, customers: 20, prefix: '' })
const world = create(7)

describe('the world of the demo', () => {
  it('is the same for the same seed and another for another', () => {
    expect(create(7)).toEqual(world)
    expect(create(8)).not.toEqual(world)
  })

  it('has real places: all of India that GeoNames lists, each hub with many towns around it', () => {
    expect(towns).toHaveLength(3_502)
    for (const hub of world.hubs) expect(hub.towns.length).toBeGreaterThan(3)
  })

  it('has trucks of every type and customers at every hub', () => {
    const drivers = world.transporters.flatMap(transporter => transporter.drivers)
    expect(new Set(drivers.map(({ vehicle }) => vehicle.vehicleType))).toEqual(
      new Set(['tata_ace', '14ft', '20ft', '32ft_mxl']),
    )
    expect(new Set(world.customers.map(({ hub }) => hub.name)).size).toBe(world.hubs.length)
  })

  it('gives every user, driver and vehicle its own id, with the prefix in front', () => {
    const { transporters, customers } = createWorld(towns, createRandom(7), {
      transporters: 40,
      customers: 20,
      prefix: 'demo-x-',
    })
    const drivers = transporters.flatMap(transporter => transporter.drivers)
    const ids = [...transporters, ...customers, ...drivers, ...drivers.map(({ vehicle }) => vehicle)].map(
      ({ id }) => id,
    )
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.filter(id => !id.includes('demo-x-'))).toEqual([])
  })

  it('finds the towns within a radius, including the one in the middle', () => {
    const middle = { name: 'Middle', lat: 20, lng: 80, population: 1_000 }
    const near = { ...middle, name: 'Near', lat: 20.4 } // 44 km
    const far = { ...middle, name: 'Far', lng: 80.5 } // 52 km
    expect(townsWithin([middle, near, far], middle, 50)).toEqual([middle, near])
  })
})

describe('the loads of the demo', () => {
  const random = createRandom(11)
  const loads = Array.from({ length: 400 }, () => createLoad(world, random.pick(world.hubs), random))
  const schemas = {
    '/api/v1/booking': createBooking,
    '/api/v1/broadcasts': createBroadcast,
    '/api/v1/orders': createOrder,
  }

  it('come in all three forms of the contract, each valid', () => {
    const paths = new Set(loads.map(({ path }) => path))
    expect(paths).toEqual(new Set(Object.keys(schemas)))
    for (const { path, body } of loads) {
      expect(schemas[path as keyof typeof schemas].safeParse(body).error).toBeUndefined()
    }
  })

  it('need one to six trucks, and sometimes one that nobody owns', () => {
    const counts = new Set(loads.map(({ truckCount }) => truckCount))
    expect([...counts].sort()).toEqual([1, 2, 3, 4, 5, 6])
    const types = Array.from({ length: 300 }, () => createLines(random)).flat()
    expect(types.filter(({ vehicleType }) => vehicleType === '40ft_trailer').length).toBeGreaterThan(0)
    expect(new Set(types.map(({ vehicleType }) => vehicleType)).size).toBe(5)
  })
})
