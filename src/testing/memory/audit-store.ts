import type { AuditStore } from '../../runtime/audit.js'
import type { StoredInstance, StoredTimer } from '../../runtime/ports.js'
import { deliveryName, type Tables } from './tables.js'

/** A delivery or timer that is overdue by this long was forgotten: it is many times the leases and the sweeps. */
const FORGOTTEN_AFTER_MS = 120_000

/** The part of the database in memory that an audit reads. */
interface Audited {
  readonly tables: Tables
  now(): number
  load(ids: readonly string[]): StoredInstance[]
  allTimersOf(instance: string): StoredTimer[]
}

/** The input of `audit`: all data of an instance, at one moment. */
export function createAuditStore(database: Audited): AuditStore {
  const { tables } = database
  return {
    count: async () => tables.instances.size,
    page: async (after, limit) =>
      [...tables.instances.keys()]
        .sort()
        .filter(id => after === undefined || id > after)
        .slice(0, limit)
        .flatMap(id => database.load([id]))
        .map(instance => ({
          instance,
          journal: tables.journal.get(instance.id) ?? [],
          timers: database.allTimersOf(instance.id),
          claims: [...tables.claims].flatMap(([key, holder]) => (holder === instance.id ? [key] : [])),
          events: tables.events.get(instance.id) ?? [],
          // Events are never swept here.
          eventsSweptBefore: undefined,
          projections: projectionsOf(tables, instance.id),
        })),
    strays: async () => straysOf(tables, database.now() - FORGOTTEN_AFTER_MS),
  }
}

function projectionsOf(tables: Tables, id: string) {
  const rows = [...tables.projections].map(([table, all]) => [
    table,
    [...all.values()].filter(row => row.instance === id),
  ])
  return Object.fromEntries(rows)
}

/** In words. Deliveries that were due at `forgottenAt` count as forgotten. */
function straysOf({ claims, timers, outbox, instances }: Tables, forgottenAt: number): string[] {
  return [
    ...[...claims].flatMap(([key, id]) =>
      instances.has(id) ? [] : [`claim ${key} of instance ${id}, which does not exist`],
    ),
    ...[...timers.values()].flatMap(({ timer }) =>
      instances.has(timer.instance)
        ? []
        : [`timer ${timer.sendId} of instance ${timer.instance}, which does not exist`],
    ),
    ...[...outbox.values()].flatMap(row =>
      row.dueAt < forgottenAt ? [`event ${deliveryName({ ...row.event, ...row })} is still undelivered`] : [],
    ),
  ]
}
