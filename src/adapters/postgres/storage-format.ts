/* Which storage format this process writes: 1 is jsonb, 2 is json (migrations/0020_storage_format.sql). */
import type { EnginePool } from './engine-schema.js'

/** The newest format that this release reads and writes. */
export const NEWEST_FORMAT = 2

export interface StorageFormat {
  /** The format to write. A format once settled is never left, so a process may go on with an older answer. */
  settled(): number | Promise<number>
  /** What an announcement of this process has answered. */
  note(format: number): void
}

export function createStorageFormat(pool: EnginePool): StorageFormat {
  let known: number | undefined

  /** For a store that has not announced itself. */
  async function read(): Promise<number> {
    const { rows } = await pool.query<{ format: number }>('select format from {storage_format}')
    const format = rows[0]?.format ?? 1
    if (format >= NEWEST_FORMAT) known = format
    return format
  }

  return {
    settled: () => known ?? read(),
    note(format) {
      known = format
    },
  }
}
