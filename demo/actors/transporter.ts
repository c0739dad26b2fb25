/* A transporter: registers a fleet, then competes for its offers, one truck at a time. */
import type { Assignment, Broadcast, BroadcastAnswer, LoadcastEvent } from '../../src/client/index.js'
import type { ApiClient } from '../api-client.js'
import { now } from '../ledger.js'
import type { Stage } from '../stage.js'
import type { Driver, Transporter } from '../world.js'

/** The time from the phone's ring to the tap. */
const REACTION = { medianMs: 1_200, spread: 0.6, minMs: 300, maxMs: 4_000 }
/** The time from the news that an offer has ended until the user stops. A faster tap is in vain. */
const NOTICE_MS = 350
const LOOKS_AWAY_SHARE = 0.05
const DECLINES_SHARE = 0.12
const DECLINES_WITHOUT_TRUCK_SHARE = 0.5
/** How often a transporter forgets that a truck is busy and sends it again. */
const FORGETS_BUSY_SHARE = 0.06
const DOUBLE_TAP_SHARE = 0.05
const TAKES_ANOTHER_SHARE = 0.45
const RELEASES_SHARE = 0.1

/**
 * Signs a transporter in and registers its fleet. It then reacts to events. Over 70 lines because its functions share the actor's
 * random sequence and its busy trucks.
 */
export async function playTransporter(transporter: Transporter, stage: Stage): Promise<void> {
  const { ledger } = stage
  const random = stage.random.fork(transporter.id)
  const busy = new Set<string>()
  const goneAt = new Map<string, number>()

  const caller = { id: transporter.id, role: 'transporter' } as const
  const { api, connection } = await stage.enter(caller, hear)
  await connection.open()
  await register(transporter, api)

  function hear(event: LoadcastEvent): void {
    if (event.type === 'new_broadcast') {
      const { id: eventId, broadcastId } = event
      const { broadcast } = event.data
      ledger.offers.push({
        broadcastId,
        transporterId: transporter.id,
        eventId,
        step: String(broadcast.reach.step),
        receivedAt: now(),
      })
      stage.perform(() => consider(broadcast))
    } else if (event.type === 'booking_expired') goneAt.set(event.broadcastId, now())
    else if (event.type === 'driver_status_changed') {
      if (event.data.isBusy) busy.add(event.data.driverId)
      else busy.delete(event.data.driverId)
    }
  }

  async function consider({ id, trucks }: Broadcast): Promise<void> {
    const { medianMs, spread, minMs, maxMs } = REACTION
    const looksAway = random.chance(LOOKS_AWAY_SHARE)
    const declines = random.chance(DECLINES_SHARE)
    const types = new Set(trucks.map(truck => truck.vehicleType))
    let reactionMs = random.logNormal(medianMs, spread, minMs, maxMs)
    while ((await stage.pause(reactionMs)) && !looksAway && !isSeenGone(id)) {
      const driver = declines ? undefined : chooseDriver(types)
      if (driver === undefined) {
        if (declines || random.chance(DECLINES_WITHOUT_TRUCK_SHARE)) await decline(id)
        return
      }
      const hasWon = await take(id, driver)
      if (!hasWon || !random.chance(TAKES_ANOTHER_SHARE)) return
      reactionMs = random.logNormal(700, spread, minMs, maxMs)
    }
  }

  function isSeenGone(broadcastId: string): boolean {
    return now() - (goneAt.get(broadcastId) ?? Number.POSITIVE_INFINITY) > NOTICE_MS
  }

  function chooseDriver(types: ReadonlySet<string>): Driver | undefined {
    const fitting = transporter.drivers.filter(({ vehicle }) => types.has(vehicle.vehicleType))
    const free = random.chance(FORGETS_BUSY_SHARE) ? fitting : fitting.filter(({ id }) => !busy.has(id))
    return free.length === 0 ? undefined : random.pick(free)
  }

  /** True if the accept won a truck. */
  async function take(broadcastId: string, driver: Driver): Promise<boolean> {
    const wasBusy = busy.has(driver.id)
    busy.add(driver.id)
    const taps = random.chance(DOUBLE_TAP_SHARE) ? 2 : 1
    if (taps === 2) ledger.add('double taps on accept')
    const won = await Promise.all(Array.from({ length: taps }, () => accept(broadcastId, driver)))
    const assignment = won.find(one => one !== undefined)
    if (assignment === undefined) {
      if (!wasBusy) busy.delete(driver.id)
      return false
    }
    if (random.chance(RELEASES_SHARE)) stage.perform(() => release(assignment))
    return true
  }

  async function accept(broadcastId: string, driver: Driver): Promise<Assignment | undefined> {
    const body = { driverId: driver.id, vehicleId: driver.vehicle.id }
    const answer = await api.call<BroadcastAnswer>({
      method: 'POST',
      ...(random.chance(0.5)
        ? { path: `/api/v1/broadcast/${broadcastId}/accept`, body }
        : { path: `/api/v1/broadcasts/${broadcastId}/events`, body: { type: 'accept', ...body } }),
      expected: [
        'NO_LONGER_AVAILABLE',
        'BROADCAST_CANCELLED',
        'BROADCAST_EXPIRED',
        'DRIVER_BUSY',
        'VEHICLE_BUSY',
      ],
    })
    const assignment = answer.body?.assignment
    ledger.accepts.push({
      broadcastId,
      transporterId: transporter.id,
      ...body,
      sentAt: answer.sentAt,
      answeredAt: answer.answeredAt,
      result: answer.body === undefined ? (answer.code ?? 'no answer') : 'won',
      ...(answer.body === undefined ? {} : { version: answer.body.version }),
      ...(assignment === undefined ? {} : { assignment }),
    })
    return assignment
  }

  async function decline(broadcastId: string): Promise<void> {
    const answer = await api.call({
      method: 'POST',
      path: `/api/v1/broadcast/${broadcastId}/decline`,
      body: { reason: 'No truck for it' },
      // The request may end at the same moment.
      expected: ['NO_LONGER_AVAILABLE', 'BROADCAST_CANCELLED', 'BROADCAST_EXPIRED'],
    })
    if (answer.body !== undefined) ledger.add('declines')
  }

  async function release({ tripId, driverId }: Assignment): Promise<void> {
    if (!(await stage.pause(random.logNormal(1_800, 0.5, 600, 5_000)))) return
    const answer = await api.call({
      method: 'POST',
      path: `/api/v1/trips/${tripId}/events`,
      body: { type: 'release', reason: 'Breakdown' },
      // The driver has started the trip, or the customer has cancelled.
      expected: ['EVENT_NOT_ALLOWED'],
    })
    if (answer.body === undefined) return
    busy.delete(driverId)
    ledger.add('trucks given back')
  }
}

async function register({ drivers }: Transporter, api: ApiClient): Promise<void> {
  for (const { id, name, phone, vehicle } of drivers) {
    const { vehicleType, number } = vehicle
    await api.call({ method: 'PUT', path: `/api/v1/transporter/drivers/${id}`, body: { name, phone } })
    await api.call({
      method: 'PUT',
      path: `/api/v1/transporter/vehicles/${vehicle.id}`,
      body: { vehicleType, number },
    })
  }
  await api.call({
    method: 'PUT',
    path: '/api/v1/transporter/availability',
    body: { isAvailable: true },
  })
}
