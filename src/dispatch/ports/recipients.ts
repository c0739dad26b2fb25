/** One transporter and one request: offered, or passed over for `reason`. */
export interface OfferEntry {
  readonly broadcastId: string
  readonly transporterId: string
  readonly step: string
  readonly distanceKm?: number
  /** Why it is not offered. It is on record only, and never blocks a later offer. */
  readonly reason?: string
}

export interface Offered {
  readonly broadcastId: string
  readonly transporterId: string
  readonly distanceKm: number | null
  /** False: it was offered at this very step before, by a delivery that may have died before telling. */
  readonly isNew: boolean
  /** How many were offered the request, these included. */
  readonly notified: number
}

/** Who was offered what. The only notified set there is. */
export interface RecipientStore {
  /**
   * Records offers, unless the request has stopped seeking, the transporter is not available, or it
   * had the offer before. Answers whom it is new to, and who had it at the same step. One statement,
   * whatever the number: an ending waits for it or comes before it, so whoever was offered a request
   * hears of its end.
   */
  offer(entries: readonly OfferEntry[]): Promise<readonly Offered[]>
  /** Everyone who was offered it; with `step`, at that step. */
  offered(broadcastId: string, step?: string): Promise<readonly string[]>
  /** Offers of requests that still seek, made at or after `since` (milliseconds since the epoch). */
  offeredSince(since: number): Promise<readonly Offered[]>
  /** Notes a decline, once. False when it was declined before or never offered. */
  decline(broadcastId: string, transporterId: string, reason: string | undefined): Promise<boolean>
  /** At least one was offered it, and all of them have declined. */
  haveAllDeclined(broadcastId: string): Promise<boolean>
}
