/*
 * Queues what wakes people, for those of them who have devices. It is sent some time later, unless it has been
 * acknowledged: see worker.ts. Handling an event again queues nothing twice.
 */
import type { BroadcastEmitted } from '../../machines/index.js'
import type { Engine } from '../../runtime/api.js'
import type { EmittedEvent, Subscriber } from '../../runtime/types.js'
import { announce, announcements } from '../announcements/announcements.js'
import { usersToldTo } from '../announcements/audience.js'
import { BROADCAST } from '../broadcasts/broadcast.js'
import type { KnownRequests } from '../broadcasts/known-requests.js'
import { type NewPush, PUSHED_AFTER_MS, type PushQueue, type RecipientStore } from '../ports.js'
import { Gathering } from './gathering.js'

/** Envelopes of one statement. Each may be for thousands. */
const MAX_QUEUED_AT_ONCE = 100
/** A driver who has no network for a day has read its trips before the push would come. */
const TRIP_LIFE_MS = 24 * 3_600_000
/** Later, how a request stands is found in the app, and is no reason to be woken. */
const NEWS_LIFE_MS = 3_600_000

export interface PushParts {
  readonly engine: Pick<Engine, 'now'>
  readonly pushes: PushQueue
  readonly requests: KnownRequests
  readonly recipients: Pick<RecipientStore, 'offered'>
}

export function pushSubscriber(parts: () => PushParts): Subscriber {
  const queueing = new Gathering<readonly NewPush[]>(MAX_QUEUED_AT_ONCE, lists =>
    parts().pushes.queue(lists.flat()),
  )
  return {
    name: 'push',
    wants: (machine, type) => machine === BROADCAST && wakesSomebody(type as BroadcastEmitted['type']),
    async handle(event) {
      const pushes = await pushesOf(parts(), event)
      if (pushes.length > 0) await queueing.add(pushes)
    },
  }
}

const wakesSomebody = (type: BroadcastEmitted['type']) =>
  announcements[type]?.some(({ wakes }) => wakes) ?? false

async function pushesOf(
  { engine, requests, recipients }: PushParts,
  { type, audience, payload, ...source }: EmittedEvent,
): Promise<readonly NewPush[]> {
  // The payload is what the machine emitted, by way of the database.
  const event = { type, audience, ...payload } as unknown as BroadcastEmitted
  const request = await requests.surroundings(source.instance, source.version)
  const concerned = { customerId: request.customerId, trip: 'trip' in event ? event.trip : undefined }
  const pushes: NewPush[] = []
  for (const { to, wakes, envelope } of announce(event, source, request)) {
    if (!wakes) continue
    const userIds = await usersToldTo(to, concerned, () => recipients.offered(source.instance))
    const { id, broadcastId, tripId, version } = envelope
    const life = envelope.type.startsWith('trip_') ? TRIP_LIFE_MS : NEWS_LIFE_MS
    pushes.push({
      envelopeId: id,
      userIds,
      content: { type: envelope.type, broadcastId, tripId, version, title: String(envelope.data.title) },
      // Of a dead process's share sockets are told now, too.
      dueAt: engine.now() + PUSHED_AFTER_MS,
      endsAt: source.at + life,
    })
  }
  return pushes
}
