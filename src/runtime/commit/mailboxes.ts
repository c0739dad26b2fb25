/*
 * All mailboxes of a process: which are ready for a commit, which must be read first, and how many events wait. A
 * mailbox that is being read or committed is not ready, and events that arrive meanwhile queue up in it.
 */

import { SlabMap } from '../../concurrency/slab.js'
import { OverloadedError } from '../errors.js'
import type { Platform } from '../platform.js'
import { CROWD, MAX_JOURNAL_ROWS, MAX_MAILBOX_LENGTH, MAX_QUEUE_AGE_MS, MAX_WAITING } from './limits.js'
import { Mailbox, type Pending } from './mailbox.js'

export class Mailboxes {
  readonly #platform: Platform
  readonly #onReady: () => void
  readonly #all = new SlabMap<Mailbox>()
  /** In order of arrival. */
  readonly #ready = new SlabMap<Mailbox>()
  readonly #mustRead = new Set<string>()
  #waiting = 0
  #checks = 0
  #whenIdle: (() => void)[] = []

  /** `onReady` is called each time a mailbox becomes ready. */
  constructor(platform: Platform, onReady: () => void) {
    this.#platform = platform
    this.#onReady = onReady
  }

  /** Events that have no answer yet. */
  get waiting(): number {
    return this.#waiting
  }

  get hasReady(): boolean {
    return this.#ready.size > 0
  }

  /** In order of arrival. */
  ready(): Iterable<Mailbox> {
    return this.#ready.values()
  }

  /** Queues an event. Throws `OverloadedError` if queues are full. */
  push(id: string, pending: Pending): void {
    let mailbox = this.#all.get(id)
    const isFull = this.#waiting >= MAX_WAITING || (mailbox?.length ?? 0) >= MAX_MAILBOX_LENGTH
    if (isFull || (pending.kind !== 'timer' && this.#isBehind())) {
      throw new OverloadedError('Too many events are waiting', 1)
    }
    if (mailbox === undefined) {
      mailbox = new Mailbox(id, MAX_JOURNAL_ROWS)
      this.#all.set(id, mailbox)
      this.#ready.set(id, mailbox)
    }
    mailbox.push(pending)
    this.#waiting++
    this.#onReady()
  }

  #isBehind(): boolean {
    if (this.#waiting <= CROWD) return false
    const since = this.#ready.values().next().value?.waitsSince
    return since !== undefined && this.#platform.monotonicMs() - since > MAX_QUEUE_AGE_MS
  }

  /** Takes the mailbox for a read or a commit, until `release`. */
  hold(mailbox: Mailbox): void {
    this.#ready.delete(mailbox.id)
  }

  /** The mailbox has no work in progress any more: it becomes ready again, or is removed if it is empty. */
  release(mailbox: Mailbox): void {
    if (mailbox.length > 0) {
      this.#ready.set(mailbox.id, mailbox)
      this.#onReady()
      return
    }
    this.#ready.delete(mailbox.id)
    this.#mustRead.delete(mailbox.id)
    this.#all.delete(mailbox.id)
    this.#tellIfIdle()
  }

  /** Its instance is read again before anything more is decided. */
  requireRead({ id }: Mailbox): void {
    this.#mustRead.add(id)
  }

  /** Holds and returns the ready mailboxes that must be read. `isKnown`: whether a snapshot is in memory. */
  takeUnread(isKnown: (id: string) => boolean): Mailbox[] {
    const unread: Mailbox[] = []
    for (const mailbox of this.#ready.values()) {
      const isCurrent = isKnown(mailbox.id) && !this.#mustRead.has(mailbox.id)
      if (mailbox.isNew || (isCurrent && !mailbox.mustReadTimers)) continue
      this.#mustRead.delete(mailbox.id)
      unread.push(mailbox)
    }
    for (const mailbox of unread) this.hold(mailbox)
    return unread
  }

  /** Settles one event. */
  settle(answer: () => void): void {
    this.#waiting--
    answer()
  }

  failAll(mailbox: Mailbox, error: unknown): void {
    for (const pending of mailbox.takeAll()) this.settle(() => pending.fail(error))
    this.release(mailbox)
  }

  /** Events that wait for `check` are no longer in a mailbox, but the process is not idle before they are answered. */
  async waitFor(check: Promise<void>): Promise<void> {
    this.#checks++
    await check
    this.#checks--
    this.#tellIfIdle()
  }

  /** Resolves when nothing waits and nothing is in progress. */
  async idle(): Promise<void> {
    if (this.#all.size === 0 && this.#checks === 0) return
    await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #tellIfIdle(): void {
    if (this.#all.size > 0 || this.#checks > 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
