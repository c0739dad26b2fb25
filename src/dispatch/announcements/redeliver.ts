/*
 * Messages between processes can be lost while Redis, or a connection to it, is down. Everything that the database
 * shows as announced in that time is then emitted again, to the sockets of this process only and under the same ids.
 * Clients drop what they have. The work depends on the number of events, not on the number of sockets.
 */

import { defined } from '../../types/defined.js'
import type { Fanout, Offered } from '../ports.js'
import { tellOffered } from '../reach/offers.js'
import { announceTo, isAnnounced, type SocketParts } from './subscribers.js'

/**
 * An event is recorded before it is visible, visible before it is sent, and sent before it would have arrived. The
 * clock of the database, which stamps the record, differs a little from ours.
 */
const MARGIN_MS = 10_000
/** Rows of one statement, and emits before other work gets a turn. */
const PAGE = 500
/** The pause before a retry, if the database is unavailable too. */
const RETRY_MS = 1_000

export class Redelivery {
  readonly #parts: SocketParts
  readonly #fanout: Fanout
  /** The time from which events must be sent again. Absent if there is nothing to send. */
  #since: number | undefined
  #running: Promise<void> | undefined
  #isStopped = false

  /** `fanout` reaches the sockets of this process only. */
  constructor(parts: SocketParts, fanout: Fanout) {
    this.#parts = parts
    this.#fanout = fanout
  }

  /** Redelivers the events of the last `forMs` milliseconds. Requests that overlap are served together. */
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
        this.#parts.log.warn({ err: error }, 'redelivery failed; retrying')
        await new Promise(resolve => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }

  async #redeliver(since: number): Promise<void> {
    const { reads, recipients, requests, log } = this.#parts
    // This comes first: a client that has got later events, and is away now, gets these when it resumes, in any
    // process.
    while (!this.#isStopped && (await reads.markLate(since, PAGE)) > 0);
    let told = 0
    let after: string | undefined
    do {
      const page = await reads.eventsSince(since, { limit: PAGE, ...defined({ after }) })
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
      'messages of other processes may have been lost: redelivered',
    )
  }
}
