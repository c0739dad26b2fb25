import { Periodic } from '../../concurrency/periodic.js'
import type { Parts } from '../parts.js'
import type { DriverStatus } from './driver-status.js'
import { orUndefined } from './or-undefined.js'

/** Promised to transporters: a driver that fell silent is told within two seconds of its lapse. */
const SWEEP_EVERY_MS = 1_000

/** Notices drivers that fell silent and has their transporters told. Finding none costs nothing. */
export function presenceSweep(
  { presence, log }: Pick<Parts, 'presence' | 'log'>,
  driverStatus: DriverStatus,
): Periodic {
  return new Periodic({
    everyMs: SWEEP_EVERY_MS,
    async work() {
      const lapsed = await orUndefined(presence.lapsedDrivers())
      for (const { driverId, transporterId } of lapsed ?? []) {
        driverStatus.note(driverId, transporterId)
      }
    },
    onFailure: error => log.warn({ err: error }, 'silent drivers could not be looked for'),
  })
}
