import { defined } from '../../types/defined.js'
import type { DriverFleet, DriverRecord, DriverState, VehicleRecord } from '../ports.js'
import { isoTime } from './trip-view.js'
import type { DriverFleetView, DriverView, VehicleView } from './views.js'

/** `known`: what presence knows of the driver. While it is lost, a driver that is switched on counts as online. */
export function driverView(driver: DriverRecord, known: DriverState | undefined | 'lost'): DriverView {
  const { id, name, phone, isConfirmed, vehicleId, isBusy } = driver
  const named = { id, name, ...defined({ phone }), confirmed: isConfirmed }
  // Before the driver has agreed, the transporter sees only what it entered itself.
  if (!isConfirmed) return { ...named, isOnline: false, isBusy: false }
  const isLost = known === 'lost'
  const state = isLost ? undefined : known
  return {
    ...named,
    isOnline: driver.isSwitchedOn && (isLost || state?.isOnline === true),
    isBusy,
    ...(state === undefined ? {} : { lastSeenAt: isoTime(state.lastSeenAt) }),
    ...defined({ location: state?.place }),
    ...defined({ vehicleId }),
  }
}

export function driverFleetView({ transporterId, invitations }: DriverFleet): DriverFleetView {
  return {
    transporterId,
    invitations: invitations.map(({ transporterId: from, invitedAt }) => ({
      transporterId: from,
      invitedAt: isoTime(invitedAt),
    })),
  }
}

export function vehicleView({ id, vehicleType, number, isBusy }: VehicleRecord): VehicleView {
  return { id, vehicleType, number, isBusy }
}
