import { afterEach, describe, expect, it } from '@jest/globals'
import { createWakeups } from '../../../src/adapters/postgres/engine/wakeups.js'
import { useDatabase } from '../../support/database/use-database.js'
import { openEngine, until } from '../../support/engine/engine.js'

const { connectionString, sql } = await useDatabase({ connections: 1 })
const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})

function open(log?: { lines: string[] }) {
  const note = (_fields: unknown, message?: string) => log?.lines.push(message ?? String(_fields))
  const wakeups = createWakeups({
    connectionString,
    log: { warn: note, debug: note } as never,
  })
  opened.push(wakeups)
  return wakeups
}

describe('a wake-up', () => {
  it('reaches other processes, batched: of a burst the earliest due time', async () => {
    const heard: number[] = []
    const listener = open()
    await listener.listen(dueAt => heard.push(dueAt))
    const announcer = open()
    for (const dueAt of [5_000, 3_000, 4_000]) announcer.announce(dueAt)
    await until(() => heard.length > 0)
    expect(heard).toEqual([3_000])
  })

  it('arrives again after the connection was lost', async () => {
    const heard: number[] = []
    const log = { lines: [] as string[] }
    const listener = open(log)
    await listener.listen(dueAt => heard.push(dueAt))
    await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'loadcast wakeups' and datname = current_database()`,
    )
    const announcer = open()
    await until(() => {
      announcer.announce(7_000)
      return heard.length > 0
    })
    expect(heard[0]).toBe(7_000)
    expect(log.lines.filter(line => /LISTEN receives no notifications/.test(line))).toEqual([])
  })

  it('brings a timer that one process armed to another that fires them', async () => {
    const commands = open()
    const timers = open()
    const a = openEngine(connectionString, { wakeups: commands })
    const b = openEngine(connectionString, { wakeups: timers })
    opened.push(a, b)
    await a.engine.start({ timers: false })
    await b.engine.start()
    const actor = { id: 'tester', role: 'admin' }
    const created = await a.engine.create('door', { owner: 'ann', closeMs: 50 }, { actor })
    if (created.kind !== 'created') throw new Error('expected a door')
    await a.engine.send(created.instance.id, { type: 'open', who: 'bob' }, { actor })
    await until(async () => (await a.engine.get(created.instance.id))?.status === 'closed')
    const journal = await a.engine.history(created.instance.id)
    expect(journal.at(-1)?.actor.id).toBe('timer')
  })
})
