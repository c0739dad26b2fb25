/* How a driver joins and leaves a fleet. */

import type { Parts } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import { driverFleetView } from '../views/fleet-view.js'
import type { DriverFleetView } from '../views/views.js'
import type { Drivers } from './drivers.js'

/** More than anyone reads. Any number of transporters may invite a driver, so the list needs a limit. */
const MAX_INVITATIONS_SHOWN = 100

interface MembershipParts extends Pick<Parts, 'fleet'> {
  readonly drivers: Drivers
}

export async function getDriverFleet(
  { fleet }: Pick<Parts, 'fleet'>,
  caller: Caller,
): Promise<Result<DriverFleetView>> {
  return ok(driverFleetView(await fleet.fleetOfDriver(caller.id, MAX_INVITATIONS_SHOWN)))
}

/** Joining the fleet that the driver is in already changes nothing. */
export async function joinFleet(
  parts: MembershipParts,
  caller: Caller,
  { transporterId }: { transporterId: string },
): Promise<Result<DriverFleetView>> {
  const joined = await parts.fleet.joinFleet(caller.id, transporterId)
  if (joined === 'missing') return problem('NOT_FOUND', { detail: 'This transporter has not invited you' })
  if (joined === 'busy') return problem('DRIVER_BUSY')
  if (joined === 'joined') await parts.drivers.leftFleet(caller.id)
  return getDriverFleet(parts, caller)
}

/** The transporter gets no event: the driver is missing from its list. */
export async function leaveFleet({ fleet, drivers }: MembershipParts, caller: Caller): Promise<Result<void>> {
  const left = await fleet.leaveFleet(caller.id)
  if (left === 'busy') return problem('DRIVER_BUSY')
  // Also if nothing changed: a process that died in between may have left the driver present.
  await drivers.leftFleet(caller.id)
  return ok(undefined)
}
