/*
 * The invariants of a request, checked on its snapshot and the journal that led to it. The numbers are those of
 * docs/ARCHITECTURE.md.
 */
import type { BroadcastSnapshot } from '../machines/index.js'
import { isSeeking } from '../machines/index.js'
import type { AuditedInstance, ProductInvariants } from '../runtime/audit.js'

/**
 * A driver and a vehicle on a live trip are in the fleet of the trip's transporter. The store checks it for all trips.
 */
export const FLEET_INVARIANT = 11

const STANDING = ['assigned', 'started', 'completed']

export const broadcastInvariants: ProductInvariants = (audited, snapshot) => {
  if (audited.instance.machine !== 'broadcast') return []
  const broadcast = snapshot as BroadcastSnapshot
  return [
    ...trucksHaveTheirTrips(broadcast).map(message => ({ invariant: 3, message })),
    ...acceptsWereInTime(audited, broadcast).map(message => ({ invariant: 6, message })),
    ...nothingLingers(audited, broadcast).map(message => ({ invariant: 8, message })),
  ]
}

function trucksHaveTheirTrips({ context: { trucks, trips } }: BroadcastSnapshot): string[] {
  return trucks.flatMap(truck => {
    const standing = trips.filter(trip => trip.truckId === truck.id && STANDING.includes(trip.status))
    if (standing.length === 0 && truck.tripId === null) return []
    if (standing.length === 1 && standing[0]?.id === truck.tripId) return []
    return [`truck ${truck.id} names trip ${truck.tripId} and has ${standing.length} standing trips`]
  })
}

function acceptsWereInTime({ journal }: AuditedInstance, { context }: BroadcastSnapshot): string[] {
  const cancel = journal.find(entry => entry.event.type === 'cancel')
  return journal
    .filter(entry => entry.event.type === 'accept')
    .flatMap(entry => [
      ...(entry.at < context.expiresAt
        ? []
        : [`the accept of version ${entry.version} came after the deadline`]),
      ...(cancel === undefined || entry.version < cancel.version
        ? []
        : [`the accept of version ${entry.version} came after the cancel of version ${cancel.version}`]),
    ])
}

function nothingLingers({ timers, claims }: AuditedInstance, broadcast: BroadcastSnapshot): string[] {
  if (isSeeking(broadcast)) return []
  const ofTheSearch = timers.filter(timer => /broadcastTimeout|reachStep/.test(timer.sendId))
  const customer = claims.filter(key => key.startsWith('customer:'))
  return [
    ...ofTheSearch.map(timer => `the timer ${timer.sendId} is left`),
    ...customer.map(key => `the claim ${key} is left`),
  ]
}
