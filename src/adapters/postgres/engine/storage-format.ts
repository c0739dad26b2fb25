/* The storage format that this process writes: 1 is jsonb, 2 is json (migrations/0020_storage_format.sql). */

/** The newest format that this release reads and writes. */
export const NEWEST_FORMAT = 2

export interface StorageFormat {
  /**
   * The format that the last announcement of this process returned. A settled format never goes back, so an older
   * answer stays safe. `undefined` before the first announcement: then statements look the format up.
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

/** SQL: the parameter, or the settled format of the database if it is null. */
export const formatOrLookUp = (parameter: string) =>
  `coalesce(${parameter}::int, (select format from {storage_format}))`
