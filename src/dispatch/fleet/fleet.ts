/* A transporter's drivers and vehicles. */

import { defined } from '../../types/defined.js'
import type { Page } from '../answers.js'
import { decodeCursor, pageOf, positionCursor } from '../cursors.js'
import type { Parts } from '../parts.js'
import type { Caller } from '../person.js'
import type { DriverRecord } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import { MAX_PAGE_SIZE, type PageQuery } from '../requests.js'
import { driverView, vehicleView } from '../views/fleet-view.js'
import type { DriverView, VehicleView } from '../views/views.js'
import { orUndefined } from './or-undefined.js'

/** Pages of a filtered list that are searched for one answer. The cursor continues after them. */
const MAX_PAGES_LOOKED_THROUGH = 10

type FleetParts = Pick<Parts, 'fleet' | 'presence' | 'settings'>

/** A place becomes free only when the transporter removes something, so it is not worth retrying sooner. */
const FULL_RETRY_AFTER_SECONDS = 60

const fleetFull = (what: string, { settings }: FleetParts) =>
  problem('RATE_LIMITED', {
    detail: `A fleet has at most ${settings.maxFleet} ${what}; remove one first`,
    retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
  })

async function viewsOf({ presence }: FleetParts, drivers: readonly DriverRecord[]): Promise<DriverView[]> {
  const members = drivers.filter(({ isConfirmed }) => isConfirmed)
  const states = await orUndefined(presence.driverStates(members.map(({ id }) => id)))
  return drivers.map(driver => driverView(driver, states === undefined ? 'lost' : states.get(driver.id)))
}

async function viewOf(parts: FleetParts, driver: DriverRecord): Promise<DriverView> {
  const [view] = await viewsOf(parts, [driver])
  if (view === undefined) throw new Error('Expected a view of each driver')
  return view
}

export async function putDriver(
  parts: FleetParts,
  caller: Caller,
  id: string,
  { name, phone }: { name: string; phone?: string | undefined },
): Promise<Result<DriverView & { isNew: boolean }>> {
  const driver = {
    id,
    name,
    ...defined({ phone }),
  }
  const put = await parts.fleet.putDriver(caller.id, driver, parts.settings.maxFleet)
  if (put.kind === 'taken') return problem('DRIVER_TAKEN')
  if (put.kind === 'full') return fleetFull('drivers, with those invited', parts)
  return ok({ ...(await viewOf(parts, put.driver)), isNew: put.kind === 'invited' })
}

export async function deleteDriver(parts: FleetParts, caller: Caller, id: string): Promise<Result<void>> {
  const deleted = await parts.fleet.deleteDriver(caller.id, id)
  if (deleted === 'missing') return problem('NOT_FOUND')
  if (deleted === 'busy') return problem('DRIVER_BUSY')
  // An invited driver may be present for another fleet.
  if (deleted === 'deleted') await orUndefined(parts.presence.dropDriver(id))
  return ok(undefined)
}

export async function getDriver(parts: FleetParts, caller: Caller, id: string): Promise<Result<DriverView>> {
  const driver = await parts.fleet.getDriver(caller.id, id)
  return driver === undefined ? problem('NOT_FOUND') : ok(await viewOf(parts, driver))
}

/** Assignable drivers are online and not on a trip. Only presence knows which are online, so pages are searched. */
export async function listDrivers(
  parts: FleetParts,
  caller: Caller,
  { limit, cursor, assignable }: PageQuery & { assignable?: boolean | undefined },
): Promise<Result<Page<DriverView>>> {
  const place = decodeCursor(positionCursor, cursor)
  if (!place.ok) return place
  const isWanted = ({ isOnline, isBusy }: DriverView) =>
    assignable === undefined || (isOnline && !isBusy) === assignable
  const pageSize = assignable === undefined ? limit + 1 : MAX_PAGE_SIZE
  const found: { view: DriverView; position: string }[] = []
  let after = place.value
  let isAtEnd = false
  for (let pages = 0; pages < MAX_PAGES_LOOKED_THROUGH && found.length <= limit && !isAtEnd; pages++) {
    const from = defined({ after })
    const drivers = await parts.fleet.listDrivers(caller.id, { ...from, limit: pageSize })
    for (const [i, view] of (await viewsOf(parts, drivers)).entries()) {
      const position = drivers[i]?.position
      if (position !== undefined && isWanted(view)) found.push({ view, position })
    }
    after = drivers.at(-1)?.position
    isAtEnd = drivers.length < pageSize
  }
  return ok(
    pageOf(
      { items: found, ...defined({ lookedDownTo: isAtEnd ? undefined : after }) },
      limit,
      item => item.position,
      item => item.view,
    ),
  )
}

export async function putVehicle(
  parts: FleetParts,
  caller: Caller,
  id: string,
  { vehicleType, number }: { vehicleType: string; number: string },
): Promise<Result<VehicleView & { isNew: boolean }>> {
  const vehicle = { id, vehicleType, number }
  const put = await parts.fleet.putVehicle(caller.id, vehicle, parts.settings.maxFleet)
  if (put.kind === 'full') return fleetFull('vehicles', parts)
  if (put.kind === 'taken') return problem('VEHICLE_TAKEN')
  if (put.kind === 'busy') return problem('VEHICLE_BUSY')
  await orUndefined(parts.presence.setVehicle(put.drivers, { id, vehicleType }))
  return ok({ ...vehicleView(put.vehicle), isNew: put.kind === 'created' })
}

export async function deleteVehicle(parts: FleetParts, caller: Caller, id: string): Promise<Result<void>> {
  const deleted = await parts.fleet.deleteVehicle(caller.id, id)
  if (deleted.kind === 'missing') return problem('NOT_FOUND')
  if (deleted.kind === 'busy') return problem('VEHICLE_BUSY')
  await orUndefined(parts.presence.setVehicle(deleted.drivers, undefined))
  return ok(undefined)
}

export async function listVehicles(
  { fleet }: FleetParts,
  caller: Caller,
  { limit, cursor }: PageQuery,
): Promise<Result<Page<VehicleView>>> {
  const place = decodeCursor(positionCursor, cursor)
  if (!place.ok) return place
  const after = defined({ after: place.value })
  const vehicles = await fleet.listVehicles(caller.id, { ...after, limit: limit + 1 })
  return ok(pageOf({ items: vehicles }, limit, vehicle => vehicle.position, vehicleView))
}
