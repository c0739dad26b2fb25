/* The connection ends in the middle of a commit, every way it can; and Postgres dies and comes back under load. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../../src/adapters/postgres/embedded/index.js'
import { findPostmaster } from '../../../src/adapters/postgres/embedded/postmaster.js'
import { migrate } from '../../../src/adapters/postgres/schema/migrate.js'
import { OverloadedError } from '../../../src/runtime/errors.js'
import type { Outcome } from '../../../src/runtime/types.js'
import { NO_FSYNC } from '../../support/database/no-fsync.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { testBinaries } from '../../support/database/postgres-binaries.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, recordingSubscriber, until } from '../../support/engine/engine.js'
import { silentLog } from '../../support/engine/log.js'
import { briefly, callerOf, newDoor, newDoors } from '../../support/machines/doors.js'
import { startTcpProxy, type TcpProxy } from '../../support/network/tcp-proxy.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
/** The name of the prepared statement, as it goes over the wire. */
const COMMIT = 'commit_unsettled\0'
/** That of an engine which has announced itself, and so knows the storage format. */
const STARTED_COMMIT = 'commit\0'
const READ = 'load_instances\0'

let database: TestDatabase
let sql: pg.Pool
let proxy: TcpProxy
let far: ReturnType<typeof open>
let near: ReturnType<typeof open>

function open(connectionString: string) {
  const recorder = recordingSubscriber()
  const one = openEngine(connectionString, { subscribers: [recorder] })
  return { ...one, ...callerOf(one.engine), recorder }
}
const typesOf = async (id: string) =>
  (
    await sql.query('select event_json as event from journal where instance = $1 order by version', [id])
  ).rows.map(row => row.event.type)
const count = async (table: string) =>
  Number((await sql.query(`select count(*) as n from ${table}`)).rows[0].n)

describe('a connection', () => {
  beforeAll(async () => {
    database = await createTestDatabase()
    sql = new pg.Pool({ connectionString: database.connectionString, max: 2 })
    proxy = await startTcpProxy(database.connectionString)
  })
  beforeEach(async () => {
    await sql.query('truncate instances, journal, events, outbox, timers, claims')
    far = open(proxy.connectionString)
    near = open(database.connectionString)
  })
  afterEach(async () => {
    proxy.mend()
    await Promise.all([far.close(), near.close()])
    expect(await violationsOf(sql)).toEqual([])
  })
  afterAll(async () => {
    await proxy.close()
    await sql.end()
    await database.drop()
  })

  it('cut before the server has the commit costs the caller only time', async () => {
    const id = await newDoor(far.engine)
    const cut = proxy.cutBefore(COMMIT)
    expect(briefly(await far.open(id))).toBe('applied 2')
    await cut.made
    expect(await typesOf(id)).toEqual(['xstate.init', 'open'])
  })

  it('cut before the answer leaves one application, and the caller learns that it was its own', async () => {
    const id = await newDoor(far.engine)
    const cut = proxy.cutAfter(COMMIT)
    const outcome = await far.open(id)
    await cut.made
    expect(briefly(outcome)).toBe('applied 2')
    const [, row] = await far.engine.history(id)
    expect(outcome).toMatchObject({ uid: row?.uid })
    expect(await typesOf(id)).toEqual(['xstate.init', 'open'])
  })

  it('cut before the answer to a create, a claim and a failed claim answers each with the known outcome', async () => {
    const [taking = '', wanting = '', holding = ''] = await newDoors(far.engine, 3)
    await near.take(holding, 'x')
    const cut = proxy.cutAfter(COMMIT)
    const [created, taken, wanted] = await Promise.allSettled([
      far.engine.create('door', { owner: 'eve', closeMs: 1 }, { actor: { id: 'a', role: 'b' } }),
      far.take(taking, 'y'),
      far.take(wanting, 'x'),
    ])
    await cut.made
    expect(created).toMatchObject({ value: { kind: 'created', version: 1 } })
    expect(taken).toMatchObject({ value: { kind: 'applied', version: 2 } })
    // It may be that only the second sending found the key taken, and the first has yet to arrive.
    expect(wanted).toMatchObject({ reason: expect.any(OverloadedError) })
    expect(await typesOf(wanting)).toEqual(['xstate.init'])
    expect(await count('instances')).toBe(4)
  })

  it('cut before the answer to a burst, while others change the same instance before it is sent again', async () => {
    const id = await newDoor(far.engine)
    const cut = proxy.cutAfter(COMMIT)
    const burst = [far.open(id), far.take(id, 'k'), far.open(id)]
    await cut.made
    proxy.sever()
    expect(briefly(await near.shut(id))).toBe('applied 4')
    proxy.mend()
    // The version they name is theirs, whatever came after; what was refused was refused at that version.
    expect((await Promise.all(burst)).map(briefly)).toEqual(['applied 2', 'applied 3', 'ALREADY_OPEN 3'])
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'take.key', 'close'])
  })

  it('cut, with another engine first: a commit that never reached the server is decided again', async () => {
    const id = await newDoor(far.engine)
    const cut = proxy.cutBefore(COMMIT)
    const late = far.open(id)
    await cut.made
    proxy.sever()
    await near.open(id)
    proxy.mend()
    expect(briefly(await late)).toBe('ALREADY_OPEN 2')
  })

  it('that delivers the first attempt after the second applies it once', async () => {
    const id = await newDoor(far.engine)
    const held = proxy.holdBack(COMMIT)
    expect(briefly(await far.open(id))).toBe('applied 2')
    await held.land()
    expect(await typesOf(id)).toEqual(['xstate.init', 'open'])
    expect(briefly(await far.shut(id))).toBe('applied 3')
  })

  it('that delivers the first attempt between the loss and the second applies it once', async () => {
    const id = await newDoor(far.engine)
    const held = proxy.holdBack(COMMIT)
    const opened = far.open(id)
    await held.made
    proxy.sever()
    await held.land()
    proxy.mend()
    expect(briefly(await opened)).toBe('applied 2')
    expect(await typesOf(id)).toEqual(['xstate.init', 'open'])
  })

  it('that delivers a commit after others have moved on changes nothing, not even claims and timers', async () => {
    const [id = '', other = ''] = await newDoors(far.engine, 2)
    const held = proxy.holdBack(COMMIT)
    await Promise.all([far.open(id), far.take(id, 'k')])
    await near.giveBack(id)
    await near.shut(id)
    await near.take(other, 'k')
    await held.land()
    expect(await typesOf(id)).toEqual(['xstate.init', 'open', 'take.key', 'return.key', 'close'])
  })

  it('with a commit still on its way leaves the outcome open: nobody is refused until it is known', async () => {
    const [id = '', other = ''] = await newDoors(far.engine, 2)
    const held = proxy.holdBack(COMMIT)
    const taken = Promise.allSettled([far.take(id, 'x')])
    await held.made
    proxy.sever()
    await near.take(other, 'x')
    proxy.mend()
    // The second sending finds the key in another's hands. The first may still find it free, and does.
    const [answer] = await taken
    await near.giveBack(other)
    await held.land()
    expect(await typesOf(id)).toEqual(['xstate.init', 'take.key'])
    expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(OverloadedError) })
    expect(briefly(await far.take(id, 'y'))).toBe('KEY_NOT_THERE 2')
  })

  it('cut before the answer to a timer’s commit fires it once', async () => {
    const ids = await newDoors(near.engine, 3, 1)
    await Promise.all(ids.map(id => near.open(id)))
    const cut = proxy.cutAfter(STARTED_COMMIT)
    await far.engine.start()
    await cut.made
    await until(async () => (await count('timers')) === 0)
    for (const id of ids) expect((await typesOf(id)).length).toBe(3)
  })

  it('cut during a read answers the waiting callers with an overload, and works at the next attempt', async () => {
    const id = await newDoor(far.engine)
    const cut = proxy.cutBefore(READ)
    await expect(far.shut(id)).rejects.toThrow(OverloadedError)
    await cut.made
    expect(briefly(await far.shut(id))).toBe('unchanged 1')
  })

  it('cut repeatedly delivers every event at least once', async () => {
    await far.engine.start()
    const ids = await newDoors(far.engine, 5)
    for (const text of [
      STARTED_COMMIT,
      'settle_deliveries\0',
      STARTED_COMMIT,
      'lease_timers\0',
      STARTED_COMMIT,
    ]) {
      const cut = text === STARTED_COMMIT ? proxy.cutAfter(text) : proxy.cutBefore(text)
      await Promise.all(ids.map(id => far.open(id)))
      await Promise.all(ids.map(id => far.shut(id)))
      await cut.made
    }
    await sql.query('update outbox set due_at = now()')
    await until(async () => (await count('outbox')) === 0)
    const { rows } = await sql.query("select instance || '.' || version as name from events")
    const told = new Set(far.recorder.events.map(e => `${e.instance}.${e.version}`))
    expect(rows.filter(row => !told.has(row.name))).toEqual([])
  })

  if (isLong) {
    it('lost for longer than any caller waits: the caller is asked to retry, and the outcome is not lost', async () => {
      const id = await newDoor(far.engine)
      const cut = proxy.cutAfter(COMMIT)
      const opened = far.open(id)
      await cut.made
      proxy.sever()
      await expect(opened).rejects.toThrow(OverloadedError)
      proxy.mend()
      expect(briefly(await far.open(id))).toBe('ALREADY_OPEN 2')
      await sql.query('update outbox set due_at = now()')
      await far.engine.start()
      await until(async () => (await count('outbox')) === 0)
    })
  }
})

describe('Postgres', () => {
  it('killed and restarted under load loses nothing it acknowledged and applies nothing twice', async () => {
    const dataDir = await temporaryFolder('restart')
    const binaries = await testBinaries()
    const start = () => startEmbeddedPostgres({ dataDir, log: silentLog, settings: NO_FSYNC, binaries })
    let server = await start()
    const { connectionString } = server
    await migrate(connectionString, { log: silentLog })
    const one = open(connectionString)
    await one.engine.start()
    const ids = await newDoors(one.engine, 20, 50)

    const applied: Extract<Outcome, { kind: 'applied' }>[] = []
    const failures: unknown[] = []
    let isOver = false
    const call = async (work: () => Promise<Outcome>) => {
      try {
        const outcome = await work()
        if (outcome.kind === 'applied') applied.push(outcome)
      } catch (error) {
        failures.push(error)
        await new Promise(resolve => setTimeout(resolve, 20)) // as Retry-After asks, but shorter
      }
    }
    const callers = ids.map(async (id, i) => {
      while (!isOver) {
        await Promise.all([call(() => one.open(id)), call(() => one.take(id, `${i % 7}`))])
        await call(() => one.giveBack(id))
        await call(() => one.shut(id))
      }
    })

    for (let round = 0; round < (isLong ? 5 : 1); round++) {
      const before = applied.length
      await until(() => applied.length > before + 200)
      const postmaster = await findPostmaster(server.dataDir)
      process.kill(postmaster?.pid ?? 0, 'SIGQUIT') // immediate: no checkpoint, no farewell
      await server.stop()
      const failed = failures.length
      await until(() => failures.length > failed)
      server = await start()
      expect(server.connectionString).toBe(connectionString)
      const recovering = applied.length
      await until(() => applied.length > recovering + 200)
    }
    isOver = true
    await Promise.all(callers)

    const own = new pg.Pool({ connectionString, max: 2 })
    // The pool reports its end before its sessions have ended, so the stopping server may still send one an error.
    own.on('error', () => {})
    const left = async (table: string) => (await own.query(`select from ${table}`)).rowCount
    await until(async () => (await left('timers')) === 0 && (await left('outbox')) === 0, 20_000)
    const { rows } = await own.query('select uid, instance, version from journal')
    const journal = new Map(rows.map(row => [row.uid, `${row.instance} ${row.version}`]))
    expect(journal.size).toBe(rows.length)
    const names = applied.map(o => `${o.instance.id} ${o.version}`)
    expect(applied.map(o => journal.get(o.uid))).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
    expect(failures.length).toBeGreaterThan(0)
    expect(failures.filter(error => !(error instanceof OverloadedError))).toEqual([])
    expect(await violationsOf(own)).toEqual([])
    await one.close()
    await own.end()
    await server.stop()
  })
})
