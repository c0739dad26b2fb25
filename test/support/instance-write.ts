import { v7 as uuidv7 } from 'uuid'
import type { InstanceWrite } from '../../src/runtime/ports.js'

const actor = { id: 'tester', role: 'admin' }

/** A write of one transition, with nothing beside the row and its journal unless given. */
export function write(id: string, version: number, more: Partial<InstanceWrite> = {}): InstanceWrite {
  const at = Date.now()
  return {
    row: {
      id,
      machine: 'door',
      definitionVersion: 1,
      version,
      status: 'closed',
      owner: 'ann',
      snapshot: `{"version":${version}}`,
      createdAt: at,
      updatedAt: at,
    },
    expectedVersion: version - 1,
    journal: [{ version, uid: uuidv7(), event: { type: 'knock' }, status: 'closed', actor, at }],
    events: [],
    timersSet: [],
    timersRemoved: [],
    gates: [],
    claimsNeeded: [],
    claimsTaken: [],
    claimsFreed: [],
    projections: [],
    preconditions: [],
    keys: [],
    ...more,
  }
}

export const taking = (...keys: string[]) => ({ claimsNeeded: keys, claimsTaken: keys })
