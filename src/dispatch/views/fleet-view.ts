import type { DriverRecord, DriverState, VehicleRecord } from '../ports.js'
import { isoTime } from './trip-view.js'
import type { DriverView, VehicleView } from './views.js'

/** `known`: what presence knows of the driver, if anything. While it is lost, switched on counts as online. */
export function driverView(driver: DriverRecord, known: DriverState | undefined | 'lost'): DriverView {
  const isLost = known === 'lost'
  const state = isLost ? undefined : known
  const { id, name, phone, vehicleId, isBusy } = driver
  return {
    id,
    name,
    ...(phone === undefined ? {} : { phone }),
    isOnline: driver.isSwitchedOn && (isLost || state?.isOnline === true),
    isBusy,
    ...(state === undefined ? {} : { lastSeenAt: isoTime(state.lastSeenAt) }),
    ...(state?.place === undefined ? {} : { location: state.place }),
    ...(vehicleId === undefined ? {} : { vehicleId }),
  }
}

export function vehicleView({ id, vehicleType, number, isBusy }: VehicleRecord): VehicleView {
  return { id, vehicleType, number, isBusy }
}
