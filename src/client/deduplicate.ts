/*
 * Delivery is at least once, and across processes in no certain order. An event whose id is known is dropped, and a
 * `booking_updated` that says less than one that came before; never an event of another type. Memory is bounded.
 * A lower version with a later time is newer: after a failover that lost transactions, versions are used again.
 */
import type { ResumableEvent } from './events.js'

/** Several times what one resume brings: what it repeats must still be known. */
const MAX_KNOWN_IDS = 5_000
/** Requests that one user follows at a time, many times over. */
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
    // Put at the end again: the ones that nothing is heard of go first.
    versions.delete(broadcastId)
    versions.set(broadcastId, { version, at })
    forgetOldest(versions, maxVersions)
    return 'new'
  }
}

/**
 * An event's id without its stamp, which servers of the previous release leave out: both may tell of one event while a new
 * release rolls out. Its time tells two events apart that have the rest in common. An offer is told anew with another time.
 */
const EVENT_ID = /^([^:]+:\d+:\d+:\d+)(?::[0-9a-z]+)?$/
function nameOf({ id, at }: ResumableEvent): string {
  const [, place] = EVENT_ID.exec(id) ?? []
  return place === undefined ? id : `${place} ${at}`
}

/** Sets and maps keep the order in which their keys came. */
function forgetOldest(keys: Set<string> | Map<string, unknown>, max: number): void {
  if (keys.size <= max) return
  for (const oldest of keys.keys()) {
    keys.delete(oldest)
    return
  }
}
