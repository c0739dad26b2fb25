/* One schedule, every target: the machine by itself, engines in memory and on Postgres, and an address. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { broadcastSubject } from '../../../scripts/subjects/broadcast.js'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { createEngine } from '../../../src/runtime/index.js'
import {
  check,
  createMemoryStore,
  formatSchedule,
  formatViolation,
  parseSchedule,
  pureTarget,
  raceCommands,
  raceSetup,
  replay,
  type Schedule,
  type Subject,
  schedules,
  storesTarget,
  type Target,
  urlTarget,
  virtualEngineTarget,
} from '../../../src/testing/index.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { actor } from '../../support/machines/doors.js'
import { createClient } from '../../support/server/clients.js'
import { hire } from '../../support/server/fleet.js'
import { startTestApp, type TestApp } from '../../support/server/server.js'
import { doorSubject } from '../../support/subjects/door.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const numRuns = isLong ? 100 : 8

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.connectionString, max: 1 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const onPostgres = (processes: number): Target =>
  storesTarget({
    name: `${processes} engines on Postgres`,
    openStore: () => createPostgresStore(database),
    processes,
    audit: createAuditStore(pool),
  })

/** What is wrong with a run of a schedule, in words: nothing, if all is well. The database begins empty. */
async function wrongWith(target: Target, subject: Subject, schedule: Schedule): Promise<string[]> {
  await pool.query('truncate instances, journal, events, outbox, timers, claims, idempotency_keys, trips')
  const { history, problems } = await replay(target, subject, schedule)
  const { violations } = check(history, subject.definition)
  return [...violations.map(formatViolation), ...problems]
}

const quick = { nodes: 2, steps: 20, instances: 2 }

describe.each<[string, () => Target]>([
  ['the machine by itself', pureTarget],
  ['an engine in memory, in virtual time', virtualEngineTarget],
  ['one engine on Postgres', () => onPostgres(1)],
  ['two engines on one Postgres', () => onPostgres(2)],
])('on %s', (_name, target) => {
  it('R10.3 schedules run, and every answer is the machine’s', async () => {
    await fc.assert(
      fc.asyncProperty(schedules(doorSubject, quick), async schedule => {
        expect(await wrongWith(target(), doorSubject, schedule)).toEqual([])
      }),
      { numRuns, unbiased: true },
    )
  })

  it('R10.3 schedules of another machine run too', async () => {
    await fc.assert(
      fc.asyncProperty(schedules(broadcastSubject, quick), async schedule => {
        expect(await wrongWith(target(), broadcastSubject, schedule)).toEqual([])
      }),
      { numRuns: Math.ceil(numRuns / 2), unbiased: true },
    )
  })
})

describe('a database with an event that an earlier run did not deliver', () => {
  it('R10.3 serves a later run, which is not judged by that event', async () => {
    const store = createPostgresStore(database)
    const earlier = createEngine({
      store,
      definitions: [doorSubject.definition],
      subscribers: [
        { name: 'recorder', wants: () => true, handle: () => Promise.reject(new Error('later')) },
      ],
    })
    const door = await earlier.create('door', { owner: 'ann', closeMs: 60_000 }, { actor })
    if (door.kind !== 'created') throw new Error('expected a new door')
    await earlier.send(door.id, { type: 'open', who: 'bob' }, { actor })
    await earlier.close()
    await store.close()
    const left = async () => (await pool.query('update outbox set due_at = now()')).rowCount
    expect(await left()).toBeGreaterThan(0)

    const [schedule] = fc.sample(schedules(doorSubject, quick), { seed: 1, numRuns: 1 }) as [Schedule]
    const { history } = await replay(onPostgres(1), doorSubject, schedule)
    expect(check(history, doorSubject.definition).violations).toEqual([])
    expect(await left()).toBe(0)
  })
})

describe('an engine that is broken', () => {
  it('R10.3 is found on Postgres too, by a schedule that was saved', async () => {
    const schedule = parseSchedule({
      format: 'loadcast-schedule',
      version: 1,
      machine: 'door',
      definitionVersion: 1,
      seed: 1,
      nodes: 1,
      instances: [{ delayMs: 0, node: 0, input: { owner: 'ann', closeMs: 60_000 } }],
      steps: [
        {
          kind: 'send',
          delayMs: 0,
          node: 0,
          caller: 0,
          instance: 0,
          event: { type: 'take.key', who: 'bob' },
          key: 'k',
        },
        { kind: 'send', delayMs: 50, node: 0, caller: 0, instance: 0, event: { type: 'return.key' } },
        {
          kind: 'send',
          delayMs: 50,
          node: 0,
          caller: 0,
          instance: 0,
          event: { type: 'take.key', who: 'bob' },
          key: 'k',
        },
      ],
    })
    const forgetful = storesTarget({
      name: 'an engine that forgets keys',
      openStore() {
        const store = createPostgresStore(database)
        return {
          ...store,
          usedKeys: async () => [],
          commit: (writes, leaseMs) =>
            store.commit(
              writes.map(write => ({ ...write, keys: [] })),
              leaseMs,
            ),
        }
      },
    })
    expect(await wrongWith(onPostgres(1), doorSubject, schedule)).toEqual([])
    expect(await wrongWith(forgetful, doorSubject, schedule)).toEqual([
      expect.stringMatching(/^key: .* was applied more than once, as versions 2 and 4/),
    ])
  })
})

describe('model-based commands', () => {
  /** No timer rings while they run: the model has no clock. */
  const input = { owner: 'ann', closeMs: 3_600_000 }

  it('R10.3 find nothing on the engine', async () => {
    await fc.assert(
      fc.asyncProperty(raceCommands(doorSubject), async commands => {
        const engine = createEngine({ store: createMemoryStore(), definitions: [doorSubject.definition] })
        const setup = await raceSetup(doorSubject, engine, input)
        await fc.asyncModelRun(() => setup, commands)
        await engine.close()
      }),
      { numRuns: 20 },
    )
  })

  it('R10.3 find an engine that answers from another version', async () => {
    const engine = createEngine({ store: createMemoryStore(), definitions: [doorSubject.definition] })
    const broken = {
      ...engine,
      send: (async (id, event, options) => {
        const outcome = await engine.send(id, event, options)
        return outcome.version === 3 ? { ...outcome, version: 2 } : outcome
      }) satisfies typeof engine.send,
    }
    const found = await fc.check(
      fc.asyncProperty(raceCommands(doorSubject), async commands => {
        const { model, real } = await raceSetup(doorSubject, engine, input)
        await fc.asyncModelRun(() => ({ model, real: { ...real, engine: broken } }), commands)
      }),
      { numRuns: 50, seed: 1 },
    )
    expect(String(found.errorInstance)).toMatch(/expected version 3, got 2/)
    await engine.close()
  })
})

describe('an address', () => {
  let app: TestApp
  let run = 0
  beforeAll(async () => {
    app = await startTestApp({ env: { REACH_STEP_SECONDS: '3600', LOG_LEVEL: 'silent' } })
  })
  afterAll(() => app.close())

  /** Requests as the server makes them of its settings, and what a client may send to them. */
  const overHttp: Subject = {
    ...broadcastSubject,
    inputs: broadcastSubject.inputs.map(input => ({
      ...input,
      timeoutMs: 120_000,
      reachStepMs: 3_600_000,
      reachStepsKm: [10, 25, 50, 75],
      cancelWindowMs: 300_000,
    })),
    commands: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(1, 2, 3).map(acceptOf) },
      { weight: 1, arbitrary: fc.constant({ type: 'cancel' }) },
    ),
    moments: [],
  }

  /** Users and fleets of their own for each run: what an earlier one holds is not this one's business. */
  function target(): Target {
    const mine = `run${run++}`
    const client = (role: 'customer' | 'transporter' | 'driver', id: string) =>
      createClient(app.url, role, `${mine}${id}`)
    return urlTarget({
      baseUrl: app.url,
      resource: '/api/v1/broadcasts',
      async prepare() {
        for (const n of [1, 2, 3]) {
          const event = acceptOf(n)
          const transporter = await client('transporter', event.transporterId)
          const { number, vehicleType } = event.vehicle
          await transporter.put(`/api/v1/transporter/vehicles/${mine}v${n}`, { vehicleType, number })
          await hire(transporter, await client('driver', `d${n}`), { name: event.driver.name })
        }
      },
      async headers(question) {
        const event = 'event' in question ? question.event : undefined
        const id = 'input' in question ? String(question.input.customerId) : 'c1'
        const asks =
          event?.type === 'accept'
            ? await client('transporter', String(event.transporterId))
            : await client('customer', id)
        return { authorization: `Bearer ${asks.token}` }
      },
      inputBody: ({ input }) => ({ pickup: input.pickup, drop: input.drop, trucks: input.trucks }),
      eventBody({ event }) {
        if (event.type !== 'accept') return event
        const { driver, vehicle } = event as ReturnType<typeof acceptOf>
        return { type: 'accept', driverId: `${mine}${driver.id}`, vehicleId: `${mine}${vehicle.id}` }
      },
      details(body) {
        const assignment = body.assignment as { tripId?: string } | undefined
        return assignment?.tripId === undefined ? {} : { uid: assignment.tripId }
      },
    })
  }

  it('R10.3 that speaks the transition API is raced and judged', async () => {
    const oneCustomer = {
      ...overHttp,
      inputs: overHttp.inputs.map(input => ({ ...input, customerId: 'c1' })),
    }
    let applied = 0
    await fc.assert(
      fc.asyncProperty(schedules(oneCustomer, { ...quick, instances: 1, crashes: false }), async schedule => {
        const { history } = await replay(target(), oneCustomer, schedule)
        applied += history.operations.filter(({ outcome }) => outcome.kind === 'applied').length
        const verdict = check(history, oneCustomer.definition, { rememberedRefusals: true })
        expect(verdict.violations.map(formatViolation)).toEqual([])
      }),
      { numRuns, unbiased: true },
    )
    expect(applied).toBeGreaterThan(numRuns)
  })

  describe('that is invalid', () => {
    let server: Server
    let answer = { status: 200, body: '<html>' }
    beforeAll(async () => {
      server = createServer((_request, response) => {
        response.writeHead(answer.status, { 'content-type': 'text/html' }).end(answer.body)
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    })
    afterAll(() => new Promise(resolve => server.close(resolve)))
    const [schedule] = fc.sample(schedules(overHttp, { instances: 1 }), 1) as [Schedule]
    const asking = () => {
      const { port } = server.address() as AddressInfo
      return replay(urlTarget({ baseUrl: `http://127.0.0.1:${port}`, resource: '/x' }), overHttp, schedule)
    }

    it.each([
      ['no JSON', 200, '<html>', /POST \/x was answered 200 with something that is not JSON: <html>/],
      ['no object', 200, '[]', /without a JSON object/],
      ['something else', 201, '{"ok":true}', /expected \{id, version\}, got \{"ok":true\}/],
      ['a version that is none', 201, '{"id":"a","version":0}', /expected \{id, version\}/],
      ['an error without a code', 409, '{}', /expected a problem with a code/],
      ['that it may not', 401, '{"code":"UNAUTHENTICATED"}', /give the target tokens with permission/],
    ])(
      'R10.3 is an error with a clear message, never a success: it answers %s',
      async (_what, status, body, message) => {
        answer = { status, body }
        await expect(asking()).rejects.toThrow(message)
      },
    )

    it('R10.3 is an error if no server listens', async () => {
      const nowhere = urlTarget({ baseUrl: 'http://127.0.0.1:9', resource: '/x' })
      await expect(replay(nowhere, overHttp, schedule)).rejects.toThrow(/127\.0\.0\.1:9 does not answer/)
    })
  })
})

describe('a schedule', () => {
  it('R10.3 is plain JSON, and the same after it was saved', () => {
    fc.assert(
      fc.property(schedules(broadcastSubject), schedule => {
        expect(parseSchedule(formatSchedule(schedule))).toEqual(schedule)
      }),
      { numRuns: 50 },
    )
  })

  it('R10.3 is as long as requested, and no wider than can be saved', () => {
    const long = schedules(doorSubject, { leastSteps: 50, steps: 50, crashes: false, nodes: 16 })
    for (const { steps, nodes } of fc.sample(long, 20)) {
      // A burst counts as one, and of retries only those that find something to repeat are left.
      expect(steps.length).toBeGreaterThan(25)
      expect(nodes).toBe(16)
    }
    expect(() => schedules(doorSubject, { nodes: 17 })).toThrow('A schedule has at most 16 nodes, not 17')
    expect(() => schedules(doorSubject, { steps: 3, leastSteps: 4 })).toThrow(
      'At least 4 steps are more than at most 3',
    )
  })

  it('R10.3 of another version, machine or shape is refused with the expected one', async () => {
    const [good] = fc.sample(schedules(doorSubject), 1) as [Schedule]
    expect(() => parseSchedule('nonsense')).toThrow(/This is not JSON/)
    expect(() => parseSchedule({ ...good, format: 'x' })).toThrow(
      /Expected a "format" of "loadcast-schedule"/,
    )
    expect(() => parseSchedule({ ...good, version: 2 })).toThrow(
      /version 2 of the format; this kit runs version 1/,
    )
    expect(() => parseSchedule({ ...good, steps: [{ kind: 'dance' }] })).toThrow(/steps\.0/)
    expect(() =>
      parseSchedule({ ...good, nodes: 1, instances: [{ delayMs: 0, node: 5, input: {} }] }),
    ).toThrow(/names node 5; there are 1/)
    await expect(replay(pureTarget(), doorSubject, { ...good, definitionVersion: 9 })).rejects.toThrow(
      /for version 9 of "door", not version 1/,
    )
    await expect(replay(pureTarget(), broadcastSubject, good)).rejects.toThrow(
      /of "door", not version 1 of "broadcast"/,
    )
  })
})

function acceptOf(n: number) {
  return {
    type: 'accept',
    transporterId: `t${n}`,
    driver: { id: `d${n}`, name: `Driver ${n}` },
    vehicle: { id: `v${n}`, number: `MH 0${n}`, vehicleType: n === 3 ? '20ft' : '14ft' },
  }
}
