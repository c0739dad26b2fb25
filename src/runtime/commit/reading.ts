/* Reads the instances of ready mailboxes that are not in memory, or may have changed since, many in one statement. */
import { UnknownInstanceError, unavailable } from '../errors.js'
import type { StoredInstance } from '../ports.js'
import type { CommitterParts } from './decided.js'
import { MAX_READ_IDS } from './limits.js'
import type { Mailbox } from './mailbox.js'
import type { Mailboxes } from './mailboxes.js'

type ReadingParts = Pick<CommitterParts, 'store' | 'known' | 'platform' | 'faults' | 'log'>

/** Begins the reads. Each mailbox is released when its read has been answered; if the read fails, so do its events. */
export function readWhatIsMissing(parts: ReadingParts, mailboxes: Mailboxes): void {
  const unread = mailboxes.takeUnread(id => parts.known.cache.get(id) !== undefined)
  for (let i = 0; i < unread.length; i += MAX_READ_IDS) {
    read(parts, mailboxes, unread.slice(i, i + MAX_READ_IDS)).catch(error =>
      parts.log.error({ err: error }, 'a read could not be settled'),
    )
  }
}

async function read(
  { store, known, platform, faults }: ReadingParts,
  mailboxes: Mailboxes,
  unread: readonly Mailbox[],
): Promise<void> {
  const startedAt = platform.monotonicMs()
  const found = new Map<string, StoredInstance>()
  try {
    if (faults !== undefined) await faults('read.before')
    for (const row of await store.load(unread.map(({ id }) => id))) found.set(row.id, row)
    const inDoubt = unread.filter(mailbox => mailbox.mustReadTimers)
    await Promise.all(inDoubt.map(async mailbox => mailbox.noteDue(await store.dueTimers(mailbox.id))))
    if (faults !== undefined) await faults('read.after')
  } catch (error) {
    for (const mailbox of unread) mailboxes.failAll(mailbox, unavailable(error))
    return
  }
  for (const mailbox of unread) {
    const row = found.get(mailbox.id)
    try {
      if (row === undefined) throw new UnknownInstanceError(mailbox.id)
      known.noteRead(row, startedAt)
      mailboxes.release(mailbox)
    } catch (error) {
      mailboxes.failAll(mailbox, error)
    }
  }
}
