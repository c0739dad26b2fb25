import { SAME_STAMP_WITHIN_MS } from '../../../runtime/commit/snapshot-cache.js'

/** SQL: whether the time in `column` is the stamp `ms`, an expression in milliseconds since the epoch. */
export const sameStamp = (column: string, ms: string) =>
  `${column} between to_timestamp((${ms} - ${SAME_STAMP_WITHIN_MS}) / 1000) and to_timestamp((${ms} + ${SAME_STAMP_WITHIN_MS}) / 1000)`
