/* An instance of the engine that is known to be a broadcast. */
import type { BroadcastSnapshot } from '../../machines/index.js'
import type { Instance } from '../../runtime/types.js'

export const BROADCAST = 'broadcast'

export interface Broadcast extends Instance {
  readonly snapshot: BroadcastSnapshot
}

/** The engine restores a snapshot with its machine's definition, so the snapshot has that machine's type. */
export function asBroadcast(instance: Instance): Broadcast {
  if (instance.machine !== BROADCAST) throw new Error(`${instance.id} is a ${instance.machine}`)
  return instance as Broadcast
}
