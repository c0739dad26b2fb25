import type { DriverRecord, DriverState, VehicleRecord } from '../ports.js'
import { isoTime } from './trip-view.js'
import type { DriverView, VehicleView } from './views.js'

/** `state`: what presence knows of the driver, if anything. */
export function driverView(driver: DriverRecord, state: DriverState | undefined): DriverView {
  const { id, name, phone, vehicleId, isBusy } = driver
  return {
    id,
    name,
    ...(phone === undefined ? {} : { phone }),
    isOnline: driver.isSwitchedOn && state?.isOnline === true,
    isBusy,
    ...(state === undefined ? {} : { lastSeenAt: isoTime(state.lastSeenAt) }),
    ...(state?.place === undefined ? {} : { location: state.place }),
    ...(vehicleId === undefined ? {} : { vehicleId }),
  }
}

export function vehicleView({ id, vehicleType, number, isBusy }: VehicleRecord): VehicleView {
  return { id, vehicleType, number, isBusy }
}
