/*
 * Measures what a million transitions leave in the tables. These are whole lives of requests of one truck, from the create
 * to the delivery. Tables of the past grow with them. Tables that are emptied again (timers, outbox, claims) must not.
 */
import type { Engine } from '../../src/runtime/index.js'
import { createRequest, openEngine, sendAccept } from '../engine.js'
import { BYTES_PER_MB, inFlight } from '../measure.js'
import { assertNoViolations } from './audited.js'
import type { Context, Outcome, Part } from './part.js'
import { ARE_EMPTIED, KEEP_THE_PAST, type Sizes, sizeInWords, tableSizes } from './table-sizes.js'

const TRANSITIONS = 1_000_000
/** Create, accept, start, complete. */
const LIFE = 4
const AT_ONCE = 256
/** Progress is reported this many times. */
const LEGS = 10

export const sizes: Part = {
  id: 'sizes',
  title: 'sizes: tables and indexes after 1,000,000 transitions',
  steps: () => LEGS + 1,
  run,
}

async function run({ world, size, step }: Context): Promise<Outcome> {
  const database = await world.createDatabase()
  const before = await tableSizes(database)
  const { engine, close } = await openEngine(database.connectionString)
  const lives = size.of(TRANSITIONS / LIFE / LEGS)
  const begunAt = performance.now()
  for (let leg = 0; leg < LEGS; leg++) {
    step(`sizes: ${leg * lives * LIFE} transitions of ${LEGS * lives * LIFE}`)
    await inFlight(lives, AT_ONCE, i => live(engine, `${leg}-${i}`))
  }
  const seconds = (performance.now() - begunAt) / 1000
  await close()
  const after = await tableSizes(database)
  step('sizes: auditing')
  await assertNoViolations(database)
  await database.drop()
  const transitions = LEGS * lives * LIFE
  const bytesOf = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (after.get(name)?.total ?? 0), 0)
  return {
    measured: [
      {
        key: 'sizes.rate',
        what: `transitions, ${AT_ONCE} in flight`,
        unit: '/s',
        values: [transitions / seconds],
      },
      {
        key: 'sizes.past',
        what: 'kept of a transition: instances, journal, events, trips and their indexes',
        unit: 'bytes',
        values: [bytesOf(KEEP_THE_PAST) / transitions],
      },
      {
        key: 'sizes.emptied',
        what: 'timers, outbox and claims, empty again, with their indexes',
        unit: 'MB',
        values: [bytesOf(ARE_EMPTIED) / BYTES_PER_MB],
      },
    ],
    notes: [`sizes before and after ${transitions} transitions (table + indexes): ${inWords(before, after)}`],
  }
}

async function live(engine: Engine, name: string): Promise<void> {
  const id = await createRequest(engine, name, 1)
  if ((await sendAccept(engine, id, name)) !== 'won') throw new Error(`the accept of ${name} did not win`)
  const [trip] = (await engine.get(id))?.snapshot.context.trips ?? []
  const driver = { id: `driver-${name}`, role: 'driver' }
  for (const type of ['trip.start', 'trip.complete']) {
    const { kind } = await engine.send(id, { type, tripId: trip.id }, { actor: driver })
    if (kind !== 'applied') throw new Error(`${type} of ${name} is ${kind}`)
  }
}

function inWords(before: Sizes, after: Sizes): string {
  const nothing = { table: 0, total: 0 }
  return [...after]
    .map(([name, size]) => `${name} ${sizeInWords(before.get(name) ?? nothing)} → ${sizeInWords(size)} MB`)
    .join(', ')
}
