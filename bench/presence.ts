/*
 * Presence in Redis: heartbeats and searches a second through the port of one process, compared with the usual way. That
 * way sends one command after another for a heartbeat, and one HGETALL for each match of a search.
 *
 *   npm run bench:presence                      with a redis-server of its own
 *   REDIS_URL=redis://… npm run bench:presence  with an existing one, whose data are deleted
 *
 * Both ways run in turn, several times, in one run on the same data. Only the ratios matter.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createRedisPresence } from '../src/adapters/redis/presence.js'
import type { Point } from '../src/dispatch/ports.js'
import { FOLDER_VARIABLE } from '../test/support/processes/temporary-folder.js'
import { startRedisServer } from '../test/support/redis/redis-server.js'
import { figure, inFlight, median, perSecond, ratios } from './measure.js'
import { createSequentialWay } from './sequential-way.js'

const DRIVERS = 100_000
const RADIUS_KM = 25
/** The average number of drivers in a circle of that radius. */
const MATCHES = 200
const SQUARE_KM = Math.sqrt((DRIVERS * Math.PI * RADIUS_KM ** 2) / MATCHES)
const KM_PER_DEGREE = 111.195
const CENTRE: Point = { lat: 22, lng: 79 }
const VEHICLE_TYPE = '14ft'

const ROUNDS = 5
const SEARCHES = 2_000
const SEARCHES_SEQUENTIAL = 100
const BEATS = 50_000
const BEATS_SEQUENTIAL = 10_000
/** Searches that a process has in flight at once. */
const SEARCHES_IN_FLIGHT = 16
/** For the ratio with one search at a time. With more, one search uses the time in which another waits. */
const SEARCHES_ALONE = 500
const BEATS_IN_FLIGHT = 256

/** The same positions in every run. */
function placeOf(i: number): Point {
  const fraction = (n: number) => n - Math.floor(n)
  const half = SQUARE_KM / 2 / KM_PER_DEGREE
  return {
    lat: CENTRE.lat + (fraction(i * 0.754877666) * 2 - 1) * half,
    lng: CENTRE.lng + ((fraction(i * 0.569840296) * 2 - 1) * half) / Math.cos((CENTRE.lat * Math.PI) / 180),
  }
}

/** A position away from the edge of the square, because no drivers are beyond it. */
function searchPlace(i: number): Point {
  const { lat, lng } = placeOf(i * 31 + 7)
  return { lat: CENTRE.lat + (lat - CENTRE.lat) * 0.9, lng: CENTRE.lng + (lng - CENTRE.lng) * 0.9 }
}

/** CPU time of Redis and of this process so far. It gives the cost of a search even on a busy machine. */
async function cpuMs(redis: Redis): Promise<number[]> {
  const used = [...(await redis.info('cpu')).matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)]
  const { user, system } = process.cpuUsage()
  return [used.reduce((sum, [, seconds]) => sum + Number(seconds) * 1_000, 0), (user + system) / 1_000]
}

/** Over 70 lines because it is one sequence: fill, measure in rounds, report. */
async function main(url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.flushall()
  const quiet = { info() {}, warn: (fields: object, message: string) => console.error(message, fields) }
  const ttls = { transporterTtlMs: 3_600_000, driverTtlMs: 3_600_000 }
  const { presence, close } = await createRedisPresence({
    url,
    log: quiet,
    fillMs: 0,
    commandTimeoutMs: 30_000,
    ...ttls,
  })
  const sequential = createSequentialWay(redis)
  console.error(`filling: ${DRIVERS} drivers, twice`)
  await inFlight(DRIVERS, BEATS_IN_FLIGHT, async i => {
    const [id, place] = [`driver-${i}`, placeOf(i)]
    const facts = {
      transporterId: `transporter-${i >> 2}`,
      vehicle: { id: `v-${i}`, vehicleType: VEHICLE_TYPE },
    }
    await presence.putDriver(id, { ...facts, place })
    await sequential.put(id, facts.transporterId, place)
  })

  let found = 0
  const searched: [number, number][] = []
  const searchedAlone: [number, number][] = []
  const cpu: number[][] = []
  const beaten: [number, number][] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const cpuBefore = await cpuMs(redis)
    const ours = await perSecond(SEARCHES, SEARCHES_IN_FLIGHT, async i => {
      const near = await presence.nearby(searchPlace(i), RADIUS_KM, [VEHICLE_TYPE], 10_000)
      found += near.length
    })
    const cpuAfter = await cpuMs(redis)
    cpu.push(cpuAfter.map((ms, side) => (ms - (cpuBefore[side] ?? 0)) / SEARCHES))
    const theirs = await perSecond(SEARCHES_SEQUENTIAL, SEARCHES_IN_FLIGHT, i =>
      sequential.nearby(searchPlace(i), RADIUS_KM),
    )
    searched.push([ours, theirs])
    const oursAlone = await perSecond(SEARCHES_ALONE, 1, i =>
      presence.nearby(searchPlace(i), RADIUS_KM, [VEHICLE_TYPE], 10_000),
    )
    const theirsAlone = await perSecond(SEARCHES_SEQUENTIAL, 1, i =>
      sequential.nearby(searchPlace(i), RADIUS_KM),
    )
    searchedAlone.push([oursAlone, theirsAlone])
    const beats = await perSecond(BEATS, BEATS_IN_FLIGHT, i =>
      presence.beatDriver(`driver-${i * 2}`, placeOf(i * 2 + round)),
    )
    const beatsSequential = await perSecond(BEATS_SEQUENTIAL, BEATS_IN_FLIGHT, i =>
      sequential.beat(`driver-${i * 2}`, placeOf(i * 2 + round)),
    )
    beaten.push([beats, beatsSequential])
    console.error(
      `round ${round} of ${ROUNDS}: ${figure(ours)} searches/s beside ${figure(theirs)}, ` +
        `one at a time ${figure(oursAlone)} beside ${figure(theirsAlone)}, ` +
        `${figure(beats)} heartbeats/s beside ${figure(beatsSequential)}`,
    )
  }
  console.log(`${DRIVERS} drivers, ${RADIUS_KM} km, ${figure(found / ROUNDS / SEARCHES)} matches a search`)
  console.log(ratios(`searches, ${SEARCHES_IN_FLIGHT} at once`, searched))
  console.log(ratios('searches, one at a time', searchedAlone))
  console.log(ratios(`heartbeats, ${BEATS_IN_FLIGHT} at once`, beaten))
  const [ofRedis = 0, ofProcess = 0] = [0, 1].map(side => median(cpu.map(round => round[side] ?? 0)))
  console.log(
    `processor time of a search: ${ofRedis.toFixed(2)} ms in Redis, ${ofProcess.toFixed(2)} ms in the process`,
  )
  close()
  redis.disconnect()
}

const given = process.env.REDIS_URL
if (given !== undefined) {
  await main(given)
} else {
  const folder = await mkdtemp(join(tmpdir(), 'loadcast-bench-'))
  process.env[FOLDER_VARIABLE] = folder
  const server = await startRedisServer()
  try {
    await main(server.url)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
