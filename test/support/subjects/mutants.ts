/* Engines that are broken on purpose, each in a way in which a real one might be. The kit must catch every one. */
import fc from 'fast-check'
import type { Command, Engine } from '../../../src/runtime/api.js'
import type { Definition } from '../../../src/runtime/definition.js'
import type { InstanceWrite, Store, StoredTimer, WriteResult } from '../../../src/runtime/ports.js'
import type { Instance } from '../../../src/runtime/types.js'
import type { Rule } from '../../../src/testing/check/violation.js'
import type { Alterations } from '../../../src/testing/simulation/process.js'
import type { Subject } from '../../../src/testing/subject.js'
import { doorMachine } from '../machines/door.js'
import { doorSubject } from './door.js'
import { lightSubject } from './light.js'

export interface Mutant {
  readonly name: string
  readonly alterations: Alterations
  readonly subject?: Subject
  /** At least one of these must be reported, so that the mutant is caught for the right reason. */
  readonly rules: readonly Rule[]
}

/** Changes every write before the database's guards see it. */
const rewriting = (change: (write: InstanceWrite) => InstanceWrite): Alterations => ({
  database: store => ({
    ...store,
    commit: (writes, leaseMs) => store.commit(writes.map(change), leaseMs),
  }),
})

/** The guard does not check the version, so the last write wins. */
const unguarded: Alterations = {
  database: (store, world) => ({
    ...store,
    async commit(writes, leaseMs) {
      const { instances, journal } = world.database.tables
      const moved = writes.map(write => {
        const version = instances.get(write.row.id)?.version ?? 0
        // As in an upsert, its journal rows replace the existing ones.
        if (version >= write.row.version) journal.get(write.row.id)?.splice(write.expectedVersion)
        return { ...write, expectedVersion: version }
      })
      return store.commit(moved, leaseMs)
    },
  }),
}

/** Claims are checked before the commit, in a separate statement, and then taken even if they have a holder by now. */
const claimsBefore: Alterations = {
  database: (store, world) => ({
    ...store,
    async commit(writes, leaseMs) {
      const { claims } = world.database.tables
      const held = new Map(writes.flatMap(w => w.claimsNeeded.map(key => [key, claims.get(key)] as const)))
      const isFree = ({ row, claimsNeeded }: InstanceWrite) =>
        claimsNeeded.every(key => [undefined, row.id].includes(held.get(key)))
      await world.time.sleep(10)
      const results = await store.commit(
        writes.map(write => (isFree(write) ? { ...write, claimsNeeded: [], claimsTaken: [] } : write)),
        leaseMs,
      )
      for (const [i, { row, claimsTaken }] of writes.entries()) {
        if (results[i]?.kind === 'moved') for (const key of claimsTaken) claims.set(key, row.id)
      }
      return results
    },
  }),
}

/** All callers want the same key. */
const oneKeyForAll: Subject = {
  ...doorSubject,
  commands: fc.constantFrom<Command>(
    { type: 'take.key', who: 'bob' },
    { type: 'take.key', who: 'bob' },
    { type: 'return.key' },
  ),
}

/** Commands that the machine would refuse for good are still applied. */
const cancelLoses: Alterations = {
  definition: definition => {
    const { config, implementations } = doorMachine
    const states = { ...config.states, bricked: { on: config.states?.closed?.on } }
    const machine = doorMachine.provide(implementations as never)
    const broken = new (machine.constructor as new (...args: unknown[]) => typeof doorMachine)(
      { ...config, states },
      implementations,
    )
    return { ...definition, machine: broken } as unknown as Definition
  },
}

/** The clock of a process jumps back, and so do its stamps. */
const clockGoesBack = rewriting(write => {
  const isOdd = write.row.version % 3 === 0
  if (!isOdd) return write
  const back = <T extends { at: number }>(entry: T) => ({ ...entry, at: entry.at - 1_000 })
  return {
    ...write,
    journal: write.journal.map(entry => ({
      ...back(entry),
      event: { ...entry.event, at: entry.at - 1_000 },
    })),
  }
})

/** Refuses from memory, without checking whether the reason still holds. */
function refusesFromMemory(engine: Engine): Engine {
  const known = new Map<string, Instance>()
  const remember = <T extends object>(outcome: T): T => {
    if ('instance' in outcome) known.set((outcome.instance as Instance).id, outcome.instance as Instance)
    return outcome
  }
  const send = async (id: string, event: never, options: never) => {
    const remembered = known.get(id)
    const snapshot = remembered?.snapshot
    if (
      remembered !== undefined &&
      snapshot !== undefined &&
      !snapshot.can({ ...(event as object), at: 0, uid: '' } as never)
    ) {
      const { type } = event as { type: string }
      const reason = type === 'open' ? 'ALREADY_OPEN' : 'KEY_NOT_THERE'
      if (snapshot.value !== 'bricked' && type !== 'close') {
        const { version } = remembered
        return { kind: 'refused', reason, version, refusal: { reason }, instance: remembered }
      }
    }
    return remember(await engine.send(id, event, options))
  }
  return { ...engine, send: send as Engine['send'] }
}

/** Reports success when the commit has been sent, even if it is lost on its way. */
const answersBeforeCommit: Alterations = {
  store: store => ({
    ...store,
    async commit(writes, leaseMs): Promise<readonly WriteResult[]> {
      store.commit(writes, leaseMs).catch(() => {})
      return writes.map(() => ({ kind: 'moved' }))
    },
  }),
}

const onStore = (change: (store: Store) => Partial<Store>): Alterations => ({
  database: store => ({ ...store, ...change(store) }),
})

export const mutants: readonly Mutant[] = [
  { name: 'guard without version', alterations: unguarded, rules: ['history', 'order', 'machine', 'answer'] },
  {
    name: 'claims checked before the commit',
    alterations: claimsBefore,
    subject: oneKeyForAll,
    rules: ['claim', 'stored'],
  },
  { name: 'a cancel that does not win', alterations: cancelLoses, rules: ['machine'] },
  {
    name: 'a timer applied twice',
    // Neither gated nor removed, so every process that has leased it applies it.
    alterations: rewriting(write => ({
      ...write,
      gates: [],
      timersRemoved: write.timersRemoved.filter(id => !write.gates.some(gate => gate.sendId === id)),
    })),
    subject: lightSubject,
    rules: ['machine', 'stored'],
  },
  {
    name: 'a timer that fires early',
    alterations: {
      database: (store, world) => {
        const taken = new Set<StoredTimer>()
        return {
          ...store,
          async leaseTimers(machines, options) {
            const lease = await store.leaseTimers(machines, options)
            const [now, soon] = [world.epochMs(), world.epochMs() + 5_000]
            const early = [...world.database.tables.timers.values()].flatMap(({ timer }) =>
              timer.dueAt > now && timer.dueAt < soon && !taken.has(timer) ? [timer] : [],
            )
            for (const timer of early) taken.add(timer)
            const wrong = early.map(timer => ({ ...timer, dueAt: now }))
            return { ...lease, timers: [...lease.timers, ...wrong].slice(0, options.limit) }
          },
        }
      },
    },
    rules: ['time'],
  },
  {
    name: 'an event lost after a crash',
    alterations: onStore(() => ({ leaseDeliveries: async () => [] })),
    rules: ['delivery', 'stored'],
  },
  {
    name: 'a timer that is armed and forgotten',
    alterations: rewriting(write => ({
      ...write,
      timersSet: write.timersSet.filter(timer => timer.generation % 2 !== 0),
    })),
    rules: ['stored'],
  },
  {
    name: 'a repeated key that runs twice',
    alterations: rewriting(write => ({ ...write, keys: [] })),
    rules: ['key'],
  },
  {
    name: 'a refusal from a stale cache',
    alterations: { engine: refusesFromMemory },
    // A repeated key is refused from memory as well.
    rules: ['order', 'answer', 'key'],
  },
  {
    name: 'an answer before its commit',
    alterations: answersBeforeCommit,
    rules: ['history', 'order', 'answer'],
  },
  { name: 'a clock that goes back', alterations: clockGoesBack, rules: ['time'] },
  {
    name: 'an offer sent twice, under two ids',
    alterations: {
      subscriber: subscriber => ({
        ...subscriber,
        handle: async (event, attempt) =>
          subscriber.handle(attempt === 1 ? event : { ...event, index: event.index + 100 }, attempt),
      }),
    },
    rules: ['delivery'],
  },
  {
    name: 'an event told before its commit is known',
    alterations: {
      store: (store, world) => ({
        ...store,
        async commit(writes, leaseMs) {
          const results = await store.commit(writes, leaseMs)
          // Reports a lost race as won.
          return world.chance.happens(0.2) ? results.map(() => ({ kind: 'moved' as const })) : results
        },
      }),
    },
    rules: ['history', 'order', 'answer', 'delivery'],
  },
  {
    name: 'a snapshot that is one step behind its journal',
    alterations: onStore(store => {
      const latest = new Map<string, string>()
      return {
        commit(writes, leaseMs) {
          const stale = writes.map(write => {
            const before = latest.get(write.row.id) ?? write.row.snapshot
            latest.set(write.row.id, write.row.snapshot)
            return { ...write, row: { ...write.row, snapshot: before } }
          })
          return store.commit(stale, leaseMs)
        },
      }
    }),
    rules: ['stored', 'machine'],
  },
  {
    name: 'an If-Match that is not looked at',
    alterations: {
      engine: engine => ({
        ...engine,
        send: ((id: string, event: never, { ifVersion: _, ...options }: { ifVersion?: number }) =>
          engine.send(id, event, options as never)) as Engine['send'],
      }),
    },
    rules: ['answer'],
  },
]
