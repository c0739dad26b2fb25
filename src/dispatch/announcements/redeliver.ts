/*
 * Messages between processes can be lost: Redis was away, or a connection to it. What the database knows to have
 * been announced meanwhile is said again, to the sockets of this process alone, under the same ids: clients drop
 * what they had. It takes as much work as there were events, however many sockets there are.
 */
import type { Fanout, Offered } from '../ports.js'
import { tellOffered } from '../reach/offers.js'
import { announceTo, isAnnounced, type SocketParts } from './subscribers.js'

/**
 * An event is recorded before it is visible, visible before it is told, and told before it would have arrived; and
 * the clock of the database, by which it was recorded, is not quite ours.
 */
const MARGIN_MS = 10_000
/** Rows of one statement, and emits before others get their turn. */
const PAGE = 500
/** While the database is away too. */
const RETRY_MS = 1_000

export class Redelivery {
  readonly #parts: SocketParts
  readonly #fanout: Fanout
  /** From when on it is still to be told again; absent when nothing is. */
  #since: number | undefined
  #running: Promise<void> | undefined
  #isStopped = false

  /** `fanout` reaches the sockets of this process only. */
  constructor(parts: SocketParts, fanout: Fanout) {
    this.#parts = parts
    this.#fanout = fanout
  }

  /** Tells again what was told in the last so many milliseconds. Asked for twice at once, it is done once for both. */
  request(forMs: number): void {
    const since = this.#parts.engine.now() - forMs - MARGIN_MS
    this.#since = Math.min(since, this.#since ?? since)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#since !== undefined && !this.#isStopped) {
      const since = this.#since
      this.#since = undefined
      try {
        await this.#redeliver(since)
      } catch (error) {
        this.#since = Math.min(since, this.#since ?? since)
        this.#parts.log.warn(
          { err: error },
          'what may have been missed could not be told again; trying again',
        )
        await new Promise(resolve => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }

  async #redeliver(since: number): Promise<void> {
    const { reads, recipients, requests, log } = this.#parts
    // First: a client that has heard later events, and is away now, is told of these when it comes back, wherever.
    while (!this.#isStopped && (await reads.markLate(since, PAGE)) > 0);
    let told = 0
    let after: string | undefined
    do {
      const page = await reads.eventsSince(since, { limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const event of page.events) {
        if (this.#isStopped) return
        if (!isAnnounced(event.machine, event.type)) continue
        await announceTo(this.#fanout, this.#parts, event)
        told += 1
      }
      after = page.next
    } while (after !== undefined)
    const offers = new Map<string, Offered[]>()
    for (const offer of await recipients.offeredSince(since)) {
      const same = offers.get(offer.broadcastId)
      if (same === undefined) offers.set(offer.broadcastId, [offer])
      else same.push(offer)
    }
    for (const [id, offered] of offers) {
      if (this.#isStopped) return
      tellOffered({ ...this.#parts, fanout: this.#fanout }, await requests.read(id, 1), offered)
    }
    log.warn(
      { events: told, offers: offers.size },
      'messages of other processes may have been lost: told again',
    )
  }
}
