/** An accept that was refused. */
export interface RefusedAccept {
  /** UUIDv7. */
  readonly id: string
  readonly transporterId: string
  readonly broadcastId: string
  /** The code of the problem that answered it. */
  readonly outcome: string
  readonly driverId: string
  readonly vehicleId: string
}

/** What a transporter answered to a request, and the result. */
export interface AnswerRecord {
  /** UUIDv7. For an accept that succeeded, the id of its trip. */
  readonly id: string
  readonly broadcastId: string
  /** `ACCEPTED`, `DECLINED`, or the code of the problem that answered an accept. */
  readonly outcome: string
  readonly driverId?: string
  readonly vehicleId?: string
  readonly tripStatus?: string
  readonly reason?: string
}

export interface AnswerStore {
  /** Stores the first of each transporter, request and outcome, in one statement. */
  addRefused(refused: readonly RefusedAccept[]): Promise<void>
  /** Newest first, below `before` (an id). */
  list(transporterId: string, options: { before?: string; limit: number }): Promise<readonly AnswerRecord[]>
}
