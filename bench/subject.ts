/* The requests and accepts of the benchmark, as dispatch would make them, with names and places of usual length. */
import type { BroadcastInput } from '../src/machines/index.js'
import type { Command } from '../src/runtime/api.js'

const HOUR_MS = 3_600_000
export const VEHICLE_TYPE = '14ft'

/** Nothing comes due during a measurement, except in the measurements of timers. */
const QUIET = {
  timeoutMs: HOUR_MS,
  reachStepMs: HOUR_MS,
  reachStepsKm: [10, 25, 50, 75],
  cancelWindowMs: HOUR_MS,
}

/** The request of customer `name`. */
export function request(
  name: string,
  trucks: number,
  durations: Partial<Pick<BroadcastInput, 'timeoutMs'>> = {},
): BroadcastInput {
  return {
    customerId: `customer-${name}`,
    kind: 'booking',
    pickup: { lat: 28.61, lng: 77.2, address: 'Connaught Place, New Delhi' },
    drop: { lat: 19.07, lng: 72.87, address: 'Bandra, Mumbai' },
    trucks: [{ vehicleType: VEHICLE_TYPE, count: trucks }],
    goods: 'steel coils, 12 tonnes',
    // As long as the fingerprint that dispatch makes of the payload.
    fingerprint: name.padEnd(64, '0').slice(0, 64),
    ...QUIET,
    ...durations,
  }
}

/** An accept by a transporter with one truck, whose driver and vehicle belong to this transporter only. */
export function accept(name: string): Command {
  return {
    type: 'accept',
    transporterId: `transporter-${name}`,
    driver: { id: `driver-${name}`, name: 'Asha Kumari', phone: '+91 98100 00000' },
    vehicle: { id: `vehicle-${name}`, number: 'DL 1L AB 4242', vehicleType: VEHICLE_TYPE },
  }
}

export const customerOf = (name: string) => ({ id: `customer-${name}`, role: 'customer' as const })
export const transporterOf = (name: string) => ({ id: `transporter-${name}`, role: 'transporter' as const })
