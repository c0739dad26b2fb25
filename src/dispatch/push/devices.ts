import type { Caller } from '../person.js'
import type { DeviceStore } from '../ports.js'
import { ok, type Result } from '../problems.js'
import type { Device } from '../requests.js'

/** A person has a phone, a tablet, a browser or two, and tokens of apps installed anew that are not known dead yet. */
const MAX_DEVICES = 10

interface DeviceParts {
  readonly devices: DeviceStore
}

/** Wakes the caller on this device from now on; again, as apps do at each start, it is the newest of its devices. */
export async function registerDevice(
  { devices }: DeviceParts,
  caller: Caller,
  device: Device,
): Promise<Result<Record<string, never>>> {
  await devices.register(caller, device, MAX_DEVICES)
  return ok({})
}

/** On signing out. A device that is not there, or another's by now, is as good as removed. */
export async function removeDevice(
  { devices }: DeviceParts,
  caller: Caller,
  { token }: Pick<Device, 'token'>,
): Promise<Result<void>> {
  await devices.remove(caller, token)
  return ok(undefined)
}
