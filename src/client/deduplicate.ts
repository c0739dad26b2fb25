/*
 * Drops events that the app need not see. Events are delivered at least once, and those of different processes in any
 * order. An event with a known id is dropped. So is a `booking_updated` that is older than one that came before, but
 * never an event of another type. Memory is bounded. A lower version with a later time counts as newer: after a
 * failover that lost transactions, versions are used again.
 */
import type { ResumableEvent } from './events.js'

/** Several times the events of one resume, so that those that it repeats are still known. */
const MAX_KNOWN_IDS = 5_000
/** Many times the requests that one user follows at a time. */
const MAX_VERSIONS = 1_000

export type Verdict = 'new' | 'known' | 'older'

export function createDeduplicator(maxIds = MAX_KNOWN_IDS, maxVersions = MAX_VERSIONS) {
  const known = new Set<string>()
  const versions = new Map<string, Pick<ResumableEvent, 'version' | 'at'>>()

  return (event: ResumableEvent): Verdict => {
    const name = nameOf(event)
    if (known.has(name)) return 'known'
    known.add(name)
    forgetOldest(known, maxIds)
    if (event.type !== 'booking_updated') return 'new'
    const { broadcastId, version, at } = event
    const latest = versions.get(broadcastId)
    if (latest !== undefined && version < latest.version && !(at > latest.at)) return 'older'
    // Moved to the end, so that the requests without events are forgotten first.
    versions.delete(broadcastId)
    versions.set(broadcastId, { version, at })
    forgetOldest(versions, maxVersions)
    return 'new'
  }
}

/**
 * An event's id without its stamp. Servers of the previous release leave the stamp out, and during a rollout both
 * releases may send the same event. The time distinguishes events that have the rest in common. An offer that is made
 * again has another time.
 */
const EVENT_ID = /^([^:]+:\d+:\d+:\d+)(?::[0-9a-z]+)?$/
function nameOf({ id, at }: ResumableEvent): string {
  const [, place] = EVENT_ID.exec(id) ?? []
  return place === undefined ? id : `${place} ${at}`
}

/** Sets and maps keep the order in which their keys were added. */
function forgetOldest(keys: Set<string> | Map<string, unknown>, max: number): void {
  if (keys.size <= max) return
  for (const oldest of keys.keys()) {
    keys.delete(oldest)
    return
  }
}
