/** One transporter and one request: offered, or passed over for `reason`. */
export interface OfferEntry {
  readonly broadcastId: string
  readonly transporterId: string
  readonly step: string
  readonly distanceKm?: number
  /** Why it is not offered. The reason is only recorded and never blocks a later offer. */
  readonly reason?: string
}

export interface Offered {
  readonly broadcastId: string
  readonly transporterId: string
  readonly distanceKm: number | null
  /** False if an earlier delivery of the same step made this offer. It may have died before sending it. */
  readonly isNew: boolean
  /** How many transporters were offered the request, including these. */
  readonly notified: number
}

/** The record of offers. Nothing else knows which transporters were offered a request. */
export interface RecipientStore {
  /**
   * Records offers. It skips those whose request no longer seeks, whose transporter is not available, or that were made
   * before. Returns the new offers, and the earlier ones of the same step. It is one statement for any number of
   * offers. The end of a request comes before this statement or waits for it, so every transporter that was offered a
   * request hears of its end.
   */
  offer(entries: readonly OfferEntry[]): Promise<readonly Offered[]>
  /** All transporters that were offered it; with `step`, at that step. */
  offered(broadcastId: string, step?: string): Promise<readonly string[]>
  /** Offers of requests that still seek, made at or after `since` (milliseconds since the epoch). */
  offeredSince(since: number): Promise<readonly Offered[]>
  /** Records a decline once. Returns false if it was declined before or never offered. */
  decline(broadcastId: string, transporterId: string, reason: string | undefined): Promise<boolean>
  /** At least one transporter was offered it, and all of them have declined. */
  haveAllDeclined(broadcastId: string): Promise<boolean>
}
