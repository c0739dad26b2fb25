/* Commands of doors, shared by the tests that race engines. */
import type { Engine } from '../../../src/runtime/api.js'
import type { Outcome } from '../../../src/runtime/types.js'

export const actor = { id: 'tester', role: 'admin' }
export const LONG_MS = 3_600_000

export async function newDoor(engine: Engine, closeMs = LONG_MS): Promise<string> {
  const created = await engine.create('door', { owner: 'ann', closeMs }, { actor })
  if (created.kind !== 'created') throw new Error('expected a new door')
  return created.instance.id
}

export const newDoors = (engine: Engine, count: number, closeMs = LONG_MS) =>
  Promise.all(Array.from({ length: count }, () => newDoor(engine, closeMs)))

/** The commands of a door, sent through `engine`. */
export function callerOf(engine: Engine) {
  const send = (id: string, event: { type: string } & Record<string, unknown>, ifVersion?: number) =>
    engine.send(id, event, ifVersion === undefined ? { actor } : { actor, ifVersion })
  return {
    open: (id: string, ifVersion?: number) => send(id, { type: 'open', who: 'bob' }, ifVersion),
    shut: (id: string, ifVersion?: number) => send(id, { type: 'close' }, ifVersion),
    take: (id: string, key: string) => send(id, { type: 'take.key', who: key }),
    giveBack: (id: string) => send(id, { type: 'return.key' }),
    brickUp: (id: string) => send(id, { type: 'brick.up' }),
  }
}

/** One word for an outcome: `applied`, `unchanged`, or the reason of a refusal. */
export const wordOf = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind)
/** The word and the version. */
export const briefly = (outcome: Outcome) => `${wordOf(outcome)} ${outcome.version}`
