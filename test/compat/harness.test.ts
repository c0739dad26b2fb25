import { describe, expect, it } from '@jest/globals'
import type { InstanceWrite, Store, StoredInstance } from '../../src/runtime/ports.js'
import { type Backend, memoryBackend } from './harness/backend.js'
import { judge } from './harness/judge.js'
import { chapters } from './rows/index.js'

/** A store that is broken on purpose. */
function broken(change: (store: Store) => Partial<Store>): Backend {
  return {
    name: 'a broken store',
    lane() {
      const lane = memoryBackend().lane()
      return { ...lane, store: { ...lane.store, ...change(lane.store) } }
    },
  }
}

const onLoad = (change: (snapshot: Record<string, unknown>) => unknown) =>
  broken(store => ({
    load: async ids =>
      (await store.load(ids)).map(
        (row): StoredInstance => ({ ...row, snapshot: change(row.snapshot as Record<string, unknown>) }),
      ),
  }))

const onCommit = (change: (write: InstanceWrite) => InstanceWrite) =>
  broken(store => ({ commit: (writes, leaseMs) => store.commit(writes.map(change), leaseMs) }))

/** As jsonb does: short keys first. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

const row = (feature: string) => {
  const found = chapters.flatMap(({ rows }) => rows).find(one => one.feature === feature)
  if (found === undefined) throw new Error(`There is no row "${feature}"`)
  return found
}

describe('R10.8 the harness notices a store that', () => {
  it.each([
    [
      'sorts the keys of states',
      onLoad(sorted as (snapshot: object) => unknown),
      'conflicting transitions of regions: the region declared first wins',
    ],
    [
      'sorts the keys of the context',
      onLoad(sorted as (snapshot: object) => unknown),
      'context: the order of keys',
    ],
    ['loses history', onLoad(snapshot => ({ ...snapshot, historyValue: {} })), 'deep history'],
    [
      'loses the output',
      onLoad(({ output: _, ...rest }) => rest),
      'the top-level final state: status and output',
    ],
    [
      'does not cancel timers',
      onCommit(write => ({ ...write, timersRemoved: write.gates.map(({ sendId }) => sendId) })),
      '`cancel` by id, also one that is not armed',
    ],
    [
      'keeps every timer for later',
      onCommit(write => ({
        ...write,
        timersSet: write.timersSet.map(timer => ({ ...timer, dueAt: timer.dueAt + 1 })),
      })),
      '`after`, static',
    ],
    [
      'swaps what is emitted',
      onCommit(write => ({ ...write, events: write.events.map(event => ({ ...event, type: 'other' })) })),
      '`emit` at the start',
    ],
  ])('%s', async (_what, backend, feature) => {
    expect(await judge('broken', row(feature), [memoryBackend()])).toEqual({ kind: 'same' })
    expect(await judge('broken', row(feature), [backend])).toMatchObject({ kind: 'differs' })
  })
})
