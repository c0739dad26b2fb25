/** An accept that was refused. */
export interface RefusedAccept {
  /** UUIDv7. */
  readonly id: string
  readonly transporterId: string
  readonly broadcastId: string
  /** The code of the problem it was answered with. */
  readonly outcome: string
  readonly driverId: string
  readonly vehicleId: string
}

/** What a transporter answered to a request, and what became of it. */
export interface AnswerRecord {
  /** UUIDv7; of an accept that won, its trip's. */
  readonly id: string
  readonly broadcastId: string
  /** `ACCEPTED`, `DECLINED`, or the code of the problem that an accept was answered with. */
  readonly outcome: string
  readonly driverId?: string
  readonly vehicleId?: string
  readonly tripStatus?: string
  readonly reason?: string
}

export interface AnswerStore {
  /** Keeps the first of each transporter, request and outcome. One statement. */
  addRefused(refused: readonly RefusedAccept[]): Promise<void>
  /** Newest first, below `before` (an id). */
  list(transporterId: string, options: { before?: string; limit: number }): Promise<readonly AnswerRecord[]>
}
