import type { Caller } from '../person.js'
import type { DeviceStore } from '../ports.js'
import { ok, type Result } from '../problems.js'
import type { Device } from '../requests.js'

/**
 * A person has a phone, a tablet and a browser or two, and tokens of reinstalled apps that are not known to be dead
 * yet.
 */
const MAX_DEVICES = 10

interface DeviceParts {
  readonly devices: DeviceStore
}

/** Pushes to this device from now on. Apps call it at each start, which makes the device the newest of the caller's. */
export async function registerDevice(
  { devices }: DeviceParts,
  caller: Caller,
  device: Device,
): Promise<Result<Record<string, never>>> {
  await devices.register(caller, device, MAX_DEVICES)
  return ok({})
}

/** For signing out. A device that is unknown or another person's counts as removed. */
export async function removeDevice(
  { devices }: DeviceParts,
  caller: Caller,
  { token }: Pick<Device, 'token'>,
): Promise<Result<void>> {
  await devices.remove(caller, token)
  return ok(undefined)
}
