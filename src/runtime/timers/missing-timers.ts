/* Finds the timers that an instance should have and has not: by its state, or by replaying its journal. */
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { Registered, Registry } from '../definitions/registry.js'
import { activeDelays, timersOf } from '../definitions/upgrade.js'
import type { Store, StoredTimer, TimersOfInstance } from '../ports.js'
import { replay } from '../replay.js'
import type { JournalEntry } from '../types.js'

/** Cached delays of recent state values. A definition has some dozens. */
const MAX_VALUES_KEPT = 2_000
/** Journal rows of one read. */
const HISTORY_PAGE = 1_000

export interface MissingTimers {
  /** Whether a delay of an active state has no timer. Reads nothing. */
  lacksDelay(one: TimersOfInstance): boolean
  /** The timers that the instance lacks, delayed raises included. Reads its journal. */
  missing(one: TimersOfInstance): Promise<StoredTimer[]>
}

/** With `max` alone a cache takes all its memory at once, which costs a simulation a millisecond for each engine. */
export const upTo = (count: number) => ({ maxSize: count, sizeCalculation: () => 1 })

export function createMissingTimers({
  store,
  registry,
  log,
}: {
  readonly store: Pick<Store, 'history' | 'load'>
  readonly registry: Registry
  readonly log: Logger
}): MissingTimers {
  const delays = new LRUCache<string, readonly string[]>(upTo(MAX_VALUES_KEPT))

  function lacksDelay({ machine, definitionVersion, value, timers }: TimersOfInstance): boolean {
    const name = `${machine} ${definitionVersion} ${JSON.stringify(value)}`
    const known = delays.get(name)
    const expected =
      known ?? activeDelays(registry.get(machine).at(definitionVersion).definition.machine, value)
    if (known === undefined) delays.set(name, expected)
    return expected.some(sendId => !timers.includes(sendId))
  }

  /** The timers that the instance lacks. */
  async function missing({ instance, machine, timers }: TimersOfInstance): Promise<StoredTimer[]> {
    const journal: JournalEntry[] = []
    for (;;) {
      const page = await store.history(instance, journal.length, HISTORY_PAGE)
      journal.push(...page)
      if (page.length < HISTORY_PAGE) break
    }
    const armed = armedBy(registry.get(machine), instance, journal) ?? (await armedAnew(instance))
    return armed.filter(({ sendId }) => !timers.includes(sendId))
  }

  function armedBy(
    registered: Registered,
    instance: string,
    journal: readonly JournalEntry[],
  ): StoredTimer[] | undefined {
    try {
      return [...replay(registered, instance, journal).timersSet.values()]
    } catch (error) {
      log.error({ err: error, instance }, 'a journal could not be replayed; its timers are armed from now')
      return undefined
    }
  }

  /** If the journal cannot be replayed, delays are counted from the last transition. */
  async function armedAnew(instance: string): Promise<StoredTimer[]> {
    const [row] = await store.load([instance])
    if (row === undefined) return []
    const { machine, version: generation, updatedAt } = row
    const snapshot = registry.restore(row)
    const { definition } = registry.get(machine).at(row.definitionVersion)
    return [...timersOf(definition.machine, snapshot)].map(([sendId, delayMs], ordinal) => {
      const dueAt = updatedAt + delayMs
      return { instance, machine, sendId, generation, event: { type: sendId }, dueAt, ordinal }
    })
  }

  return { lacksDelay, missing }
}
