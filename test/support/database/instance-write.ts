import { v7 as uuidv7 } from 'uuid'
import type { InstanceWrite } from '../../../src/runtime/ports.js'

const actor = { id: 'tester', role: 'admin' }

/** Stamps of versions are a second apart, so a write knows the stamp of the previous version. */
const begunAt = Date.now()
const stampOf = (version: number) => begunAt + version * 1_000

/** The version and stamp that a write of this version stores. */
export const stampedVersion = (version: number) => ({ version, updatedAt: stampOf(version) })

/** A write of one transition. Without `more`, it has only the row and its journal entry. */
export function write(id: string, version: number, more: Partial<InstanceWrite> = {}): InstanceWrite {
  const at = stampOf(version)
  return {
    row: {
      id,
      machine: 'door',
      definitionVersion: 1,
      version,
      status: 'closed',
      owner: 'ann',
      snapshot: `{"status":"active","version":${version}}`,
      createdAt: at,
      updatedAt: at,
    },
    expectedVersion: version - 1,
    expectedUpdatedAt: version === 1 ? 0 : stampOf(version - 1),
    journal: [{ version, uid: uuidv7(), event: { type: 'knock' }, status: 'closed', actor, at }],
    events: [],
    timersSet: [],
    timersRemoved: [],
    isFinished: false,
    gates: [],
    claimsNeeded: [],
    claimsTaken: [],
    claimsFreed: [],
    projections: [],
    preconditions: [],
    keys: [],
    limits: [],
    ...more,
  }
}

export const taking = (...keys: string[]) => ({ claimsNeeded: keys, claimsTaken: keys })
