/* Reads instances and their journals from the database. */
import type { Engine } from './api.js'
import { isUuid } from './definitions/checks/caller.js'
import { gathered } from './gathered.js'
import type { StoredInstance } from './ports.js'
import { replay } from './replay.js'
import type { Services } from './services.js'

/** Journal rows of one answer. */
const MAX_HISTORY_PAGE = 1_000

/** The reading part of an engine. */
export function createInstances({
  store,
  platform,
  known,
  registry,
}: Services): Pick<Engine, 'get' | 'at' | 'history'> {
  /** Concurrent reads of one instance share a row. */
  const loadOne = gathered<string, StoredInstance | undefined>(
    id => id,
    async ids => {
      const rows = new Map((await store.load(ids)).map(row => [row.id, row]))
      return ids.map(id => rows.get(id))
    },
    platform,
  )

  const get: Engine['get'] = async id => {
    if (!isUuid(id)) return undefined
    const readStartedAt = platform.monotonicMs()
    const row = await loadOne(id)
    return row === undefined ? undefined : known.noteRead(row, readStartedAt)
  }

  return {
    get,
    async at(id, version) {
      if (!isUuid(id)) return undefined
      const journal = await store.history(id, 0, version)
      const first = journal[0]
      const machine = first === undefined ? undefined : (await get(id))?.machine
      if (machine === undefined || journal.length < version) return undefined
      return replay(registry.get(machine), id, journal).current
    },
    history: async (id, { after = 0, limit = MAX_HISTORY_PAGE } = {}) =>
      isUuid(id) ? store.history(id, after, Math.min(limit, MAX_HISTORY_PAGE)) : [],
  }
}
