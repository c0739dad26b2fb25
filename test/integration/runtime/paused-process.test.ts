/* A process is paused beyond its lease, while others move to a definition version that it does not know. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { useDatabase } from '../../support/database/use-database.js'
import { violationsOf } from '../../support/database/violations.js'
import { openEngine, until } from '../../support/engine/engine.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { doorV2Definition } from '../../support/machines/door-v2.js'
import { actor, callerOf, LONG_MS, newDoor, newDoors } from '../../support/machines/doors.js'
import { startTcpProxy } from '../../support/network/tcp-proxy.js'

const v2 = [doorV2Definition] as unknown as Definition[]
/** Longer than the lease of a process. */
const BEYOND_THE_LEASE_MS = 16_000

const { connectionString, sql } = await useDatabase()
let old: ReturnType<typeof startOld>

function startOld() {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/support/processes/old-release.ts', connectionString],
    { cwd: repositoryRoot, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  let output = ''
  child.stdout?.on('data', chunk => {
    output += chunk
  })
  const reports = (): Record<string, unknown>[] =>
    output
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
  return {
    /** Its lease has run out meanwhile, by the clock of the database. */
    async pause() {
      child.kill('SIGSTOP')
      await sql.query(`update processes set alive_until = now() - interval '1 second'`)
    },
    /** More than the lease has passed, by its own clock; then it reads which doors to open. */
    goOn(doors: readonly string[]) {
      child.stdin?.write([`pass ${BEYOND_THE_LEASE_MS}`, ...doors, ''].join('\n'))
      child.kill('SIGCONT')
    },
    end: () => child.kill('SIGKILL'),
    reports,
    async report(about: string): Promise<Record<string, unknown>> {
      await until(() => reports().some(one => about in one), 30_000)
      return reports().find(one => about in one) ?? {}
    },
  }
}

beforeEach(async () => {
  await sql.query(
    'truncate instances, journal, events, outbox, timers, claims, processes, definition_versions',
  )
  old = startOld()
  await old.report('started')
})
afterEach(() => void old.end())

const versionOf = async (id: string) =>
  (await sql.query('select definition_version as v from instances where id = $1', [id])).rows[0]?.v

describe('a process that was paused beyond its lease', () => {
  it('R13.3 with an old definition stops its work, refers callers to other processes, and reports why it ends', async () => {
    const now = openEngine(connectionString, { definitions: v2 })
    await now.engine.start()
    const early = await newDoor(now.engine)
    expect(await versionOf(early)).toBe(1)
    await old.pause()
    await until(async () => (await versionOf(await newDoor(now.engine))) === 2)
    const doors = await newDoors(now.engine, 5, 1_000)
    await Promise.all(doors.map(door => callerOf(now.engine).open(door)))
    // Its first work after the pause: a command to an instance that it knows, and one to an instance that it cannot know.
    old.goOn([early, doors[0] ?? ''])
    await until(() => old.reports().filter(one => 'id' in one).length === 2)
    for (const one of old.reports().filter(report => 'id' in report)) {
      expect(one).toMatchObject({ error: 'OverloadedError', message: 'This process is being replaced' })
    }
    expect(await old.report('unfit')).toEqual({
      unfit: 'Version 2 of "door" is in use; this process knows version 1 at most and cannot take part',
      state: 'unfit',
    })
    await until(async () => {
      const found = await Promise.all(doors.map(door => now.engine.get(door)))
      return found.every(door => door?.status === 'closed')
    })
    expect((await now.engine.get(early))?.version).toBe(1)
    await now.close()
    expect(await violationsOf(sql, v2)).toEqual([])
    expect(old.reports().filter(one => 'delivered' in one)).toEqual([])
  })

  it('R13.3 renews its lease and continues if no unknown version is in use', async () => {
    const id = (await createOne()).id
    await old.pause()
    old.goOn([id])
    expect(await old.report('outcome')).toMatchObject({ id, outcome: 'applied', version: 2 })
    const { rows } = await sql.query('select alive_until > now() as "isAlive" from processes')
    expect(rows).toEqual([{ isAlive: true }])
  })

  it('R13.3 in the middle of its announcement does not block the announcements of others', async () => {
    const proxy = await startTcpProxy(connectionString)
    const [slow, quick] = [proxy.connectionString, connectionString].map(connectionString =>
      createPostgresStore({ connectionString }),
    )
    // It has taken its turn, and its next statement is never sent.
    const held = proxy.holdBack('definition_versions')
    const versions = new Map([['door', 1]])
    const announced = Promise.allSettled([slow?.announceProcess({ id: uuidv7(), versions }, LONG_MS)])
    await held.made
    expect(await quick?.announceProcess({ id: uuidv7(), versions }, LONG_MS)).toEqual(versions)
    expect(await announced).toMatchObject([{ status: 'rejected' }])
    await Promise.all([slow?.close(), quick?.close()])
    await proxy.close()
  })
})

/** A door of the first version, made by an engine that takes no part. */
async function createOne() {
  const maker = openEngine(connectionString)
  const created = await maker.engine.create('door', { owner: 'ann', closeMs: LONG_MS }, { actor })
  await maker.close()
  if (created.kind !== 'created') throw new Error('expected a new door')
  return created.instance
}
