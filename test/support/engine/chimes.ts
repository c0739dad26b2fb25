/* Chimes rung by a plain actor and by durable engines. The order must be the same. */
import { createActor, SimulatedClock } from 'xstate'
import type { Engine } from '../../../src/runtime/api.js'
import type { SyncedClock } from '../../../src/runtime/clock.js'
import { type Bell, chimeMachine } from '../machines/chime.js'
import { actor } from '../machines/doors.js'
import { until } from './engine.js'

/** Bells that are armed together, `atMs` milliseconds after the chime was made. */
export interface Arming {
  readonly atMs: number
  readonly bells: readonly Bell[]
}

/** Longer than any bell of these tests. */
const ALL_RUNG_MS = 1_000

/** The order in which a running XState actor rings. */
export function plainOrder(armings: readonly Arming[]): string[] {
  const clock = new SimulatedClock()
  const chime = createActor(chimeMachine, { clock })
  chime.start()
  // In steps of a millisecond: in one leap, bells that ring would arm others as of its end.
  const goTo = (time: number) => {
    while (clock.now() < time) clock.increment(1)
  }
  for (const { atMs, bells } of armings) {
    goTo(atMs)
    chime.send({ type: 'arm', bells })
  }
  goTo(ALL_RUNG_MS)
  return chime.getSnapshot().context.rung
}

/** A clock that only moves when it is set, so bells armed in different transitions can be due at the same millisecond. */
export function standingClock(time: number): SyncedClock & { set(time: number): void } {
  let now = time
  return {
    now: () => now,
    set: to => {
      now = to
    },
    sync: async () => {},
    offsetMs: 0,
  }
}

export async function newChime(engine: Engine): Promise<string> {
  const created = await engine.create('chime', {}, { actor })
  if (created.kind !== 'created') throw new Error('expected a new chime')
  return created.instance.id
}

/** Arms bells at their times after `base`. `clock` must be that of `engine`. */
export async function armAll(
  engine: Engine,
  clock: ReturnType<typeof standingClock>,
  base: number,
  id: string,
  armings: readonly Arming[],
): Promise<void> {
  for (const { atMs, bells } of armings) {
    clock.set(base + atMs)
    await engine.send(id, { type: 'arm', bells }, { actor })
  }
}

export async function rungOf(engine: Engine, id: string): Promise<readonly string[]> {
  return (await engine.get(id))?.snapshot.context.rung ?? []
}

/** The bells that have rung, after `count` have. */
export async function rungAfter(engine: Engine, id: string, count: number): Promise<readonly string[]> {
  await until(async () => (await rungOf(engine, id)).length >= count, 20_000)
  return rungOf(engine, id)
}
