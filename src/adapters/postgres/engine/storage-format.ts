/* Which storage format this process writes: 1 is jsonb, 2 is json (migrations/0020_storage_format.sql). */

/** The newest format that this release reads and writes. */
export const NEWEST_FORMAT = 2

export interface StorageFormat {
  /**
   * What the last announcement of this process has answered. A format once settled is never left, so it may go on with an older
   * answer. `undefined` where the store has not announced itself: then its statements look it up.
   */
  known(): number | undefined
  note(format: number): void
}

export function createStorageFormat(): StorageFormat {
  let known: number | undefined
  return {
    known: () => known,
    note(format) {
      known = format
    },
  }
}

/** As SQL: the parameter, or what the database says where that is null. */
export const formatOrLookUp = (parameter: string) =>
  `coalesce(${parameter}::int, (select format from {storage_format}))`
