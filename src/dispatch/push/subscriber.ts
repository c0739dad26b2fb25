/*
 * Queues the envelopes that wake people, for people with devices. Each is sent some time later unless it is
 * acknowledged: see worker.ts. Handling an event again queues nothing twice.
 */

import { Batcher, whenFullOrAfter } from '../../concurrency/batcher.js'
import type { BroadcastEmitted } from '../../machines/index.js'
import type { Engine } from '../../runtime/api.js'
import type { EmittedEvent, Subscriber } from '../../runtime/types.js'
import { announcements } from '../announcements/announcements.js'
import { peopleToldTo } from '../announcements/audience.js'
import { pushKindOf } from '../announcements/socket-events.js'
import { wordingFor } from '../announcements/wording.js'
import { BROADCAST } from '../broadcasts/broadcast.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import { type NewPush, PUSHED_AFTER_MS, type PushQueue, type RecipientStore } from '../ports.js'

/** Envelopes of one statement. Each may be for thousands of people. */
const MAX_QUEUED_AT_ONCE = 100
/** A push is due seconds later, so nothing waits for this. It is far less than a delivery's lease. */
const QUEUE_GATHER_MS = 50

export interface PushParts {
  readonly engine: Pick<Engine, 'now'>
  readonly pushes: PushQueue
  readonly requests: KnownRequests
  readonly recipients: Pick<RecipientStore, 'offered'>
}

export function pushSubscriber(parts: () => PushParts): Subscriber {
  const queueing = new Batcher<readonly NewPush[]>({
    maxBatch: MAX_QUEUED_AT_ONCE,
    begin: whenFullOrAfter(QUEUE_GATHER_MS),
    work: lists => parts().pushes.queue(lists.flat()),
  })
  return {
    name: 'push',
    // The due time decides when each is sent.
    isUnordered: true,
    wants: (machine, type) => machine === BROADCAST && wakesSomebody(type as BroadcastEmitted['type']),
    async handle(event) {
      const pushes = await pushesOf(parts(), event)
      if (pushes.length > 0) await queueing.add(pushes)
    },
  }
}

const wakesSomebody = (type: BroadcastEmitted['type']) =>
  announcements[type]?.some(row => pushKindOf(row.type) !== null) ?? false

async function pushesOf(
  { engine, requests, recipients }: PushParts,
  emitted: EmittedEvent,
): Promise<readonly NewPush[]> {
  const { concerned, said } = await wordingFor(emitted, requests)
  const pushes: NewPush[] = []
  for (const { to, push, envelope } of said) {
    if (push === null) continue
    const people = await peopleToldTo(to, concerned, () => recipients.offered(emitted.instance))
    const { id, broadcastId, tripId, version } = envelope
    pushes.push({
      envelopeId: id,
      people,
      content: { type: envelope.type, broadcastId, tripId, version, title: String(envelope.data.title) },
      // Counted from now: after the death of a process, sockets get its events only now, too.
      dueAt: engine.now() + PUSHED_AFTER_MS,
      endsAt: emitted.at + push.lifeMs,
    })
  }
  return pushes
}
