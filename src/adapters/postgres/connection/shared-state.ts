/** pino's logger fits. */
export interface DatabaseLog {
  warn(fields: object, message: string): void
}

/** The interface between a database and its pools. */
export interface SharedState {
  /** Connections of an earlier generation must not be reused. */
  readonly generation: number
  /** `generation` is that of the failed connection; absent if there was none. */
  noteFailure(error: unknown, generation?: number): void
  readonly log: DatabaseLog | undefined
}
