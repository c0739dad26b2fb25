import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { problems } from '../../../src/dispatch/problems.js'
import { type FuzzCase, fuzzCase, sendCase, type World } from '../../support/api/fuzz.js'
import { actors, clientOf, createScene, type Scene } from '../../support/api/scene.js'
import { findViolations } from '../../support/server/server.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/*
 * Strangers at every route: requests made from each route's own schema, fitting, nearly fitting and hostile. One at a
 * time, so that what a request wrote is known to be its doing.
 */

const RUNS = process.env.LOADCAST_LONG_TESTS === '1' ? 100_000 : 3_000
const SCENES = 5
/** Where a request that was refused may leave a trace: nowhere else. */
const RECORDS = [
  'answers',
  'events',
  // What processes say of themselves, and what is to be sent to phones.
  'processes',
  'sweeps',
  'definition_versions',
  'pushes',
  'push_pace',
  'admin_actions',
  'outbox',
  'dead_letters',
  'recipients',
  // Worked off by and by.
  'pushes',
  'push_pace',
  'schema_migrations',
  'migrations',
]

let scenes: Scene[]
let world: World

const app = await useTestApp({
  env: { BROADCAST_TIMEOUT_SECONDS: '86400', REACH_STEP_SECONDS: '86400', CANCEL_WINDOW_SECONDS: '86400' },
})

beforeAll(async () => {
  scenes = []
  for (let i = 0; i < SCENES; i++) scenes.push(await createScene(app))
  // Every valid token makes a user: let them be known before writes are counted.
  for (const scene of scenes)
    for (const actor of actors) await clientOf(scene, actor).get('/api/v1/broadcasts')
  await countWrites()
  world = {
    url: app.url,
    token: actor => clientOf(scenes[actors.indexOf(actor) % SCENES] as Scene, actor).token,
    ids: {
      id: scenes.map(scene => scene.id),
      tripId: scenes.map(scene => scene.tripId),
      deadLetterId: scenes.map(scene => scene.deadLetterId),
      driverId: scenes.flatMap(scene => [
        scene.spare.driverId,
        scene.party.driverId,
        scene.stranger.driverId,
      ]),
      vehicleId: scenes.flatMap(scene => [scene.spare.vehicleId, scene.party.vehicleId]),
      // Not one of the callers here: turned off, it would get 403 to everything after.
      userId: ['u1', 'u2', 'u3'],
      role: ['customer', 'driver'],
      token: ['fGw0%3AAPA91', 'none'],
    },
  }
})

/** From now on every row that is written, changed or deleted draws a number, but for records. */
async function countWrites(): Promise<void> {
  await app.query('create sequence public.writes')
  await app.query(`create function note_write() returns trigger language plpgsql as
    $$ begin if new is distinct from old then perform nextval('public.writes'); end if; return null; end $$`)
  const tables = await app.query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema in ('public', 'loadcast') and table_type = 'BASE TABLE' and table_name not like 'journal\\_%'`,
  )
  for (const { name } of tables.filter(table => !RECORDS.includes(table.name))) {
    await app.query(
      `create trigger note_write after insert or update or delete on "${name}" for each row execute function note_write()`,
    )
  }
  await app.query(`create trigger note_write after update of declined_at on recipients
    for each row execute function note_write()`)
}

async function writes(): Promise<number> {
  const [row] = await app.query<{ n: string }>('select last_value as n from public.writes')
  return Number(row?.n)
}

/** Work of a request continues after its answer, and must not be blamed on the next one. */
async function settled(): Promise<void> {
  for (;;) {
    const [row] = await app.query<{ n: number }>('select count(*)::int as n from outbox')
    if (row?.n === 0) return
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

const counts = new Map<string, number>()
let before = 0

async function judge(fuzzed: FuzzCase): Promise<void> {
  const answer = await sendCase(world, fuzzed)
  const { status, body } = answer
  counts.set(String(status), (counts.get(String(status)) ?? 0) + 1)
  expect([status < 500, answer]).toEqual([true, answer])
  if (status >= 400) {
    expect([Object.keys(problems).includes(body.code), answer]).toEqual([true, answer])
    expect([await writes(), answer]).toEqual([before, answer])
    return
  }
  if (answer.method !== 'GET') {
    await settled()
    before = await writes()
  }
}

describe('requests made from the routes’ own schemas', () => {
  test(`R2.2 ${RUNS} of them: no crash, no hang, no problem without a code, no change by a refused request`, async () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
    await settled()
    before = await writes()
    await fc.assert(fc.asyncProperty(fuzzCase, judge), {
      numRuns: RUNS,
      seed,
      // A smaller request after the first failure meets another state; the first one is the finding.
      endOnFailure: true,
      reporter: details => {
        if (!details.failed) return
        throw new Error(`seed ${seed}: ${fc.defaultReportMessage(details)}`, { cause: details.errorInstance })
      },
    })
    // Not all of them bounced off the border: a good part was applied, and every kind of refusal was met.
    const total = (wanted: (status: string) => boolean) =>
      [...counts].filter(([status]) => wanted(status)).reduce((sum, [, n]) => sum + n, 0)
    expect(total(status => status < '300')).toBeGreaterThan(RUNS / 20)
    for (const status of ['400', '401', '403', '404', '409']) expect(counts.get(status)).toBeGreaterThan(0)
    const told = [...counts].sort().map(([status, n]) => `${status}: ${n}`)
    process.stdout.write(`fuzz: seed ${seed}, ${RUNS} requests (${told.join(', ')})\n`)
    expect(await findViolations(app.database.connectionString)).toEqual([])
  }, 3_600_000)
})
