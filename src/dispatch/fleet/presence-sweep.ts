import { Periodic } from '../../concurrency/periodic.js'
import type { Parts } from '../parts.js'
import type { DriverStatus } from './driver-status.js'
import { orUndefined } from './or-undefined.js'

/** The contract promises that a transporter learns of a silent driver within two seconds after its presence lapsed. */
const SWEEP_EVERY_MS = 1_000

/** Finds drivers whose presence lapsed and tells their transporters. Finding none costs nothing. */
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
    onFailure: error => log.warn({ err: error }, 'drivers whose presence lapsed could not be read'),
  })
}
