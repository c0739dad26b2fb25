/*
 * A case, run by engines. In `restarted` runs every second step is taken by an engine that has just been made and knows
 * nothing, the others by one that lives from the beginning and so knows an older state: each time one takes over from
 * the other. In `steady` runs one engine does all of it, from memory. Timers are always fired by a new engine, late, all that
 * are due at once.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Engine } from '../../../src/runtime/api.js'
import { createClock } from '../../../src/runtime/clock.js'
import type { Definition } from '../../../src/runtime/definition.js'
import { createRegistry } from '../../../src/runtime/definitions/registry.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Subscriber } from '../../../src/runtime/types.js'
import type { Backend, Lane } from './backend.js'
import { type Case, messageOf, type Seen, type Texts, textsOf, textsOfEmitted } from './case.js'
import { definitionOf } from './definition.js'

export interface DurableOptions {
  readonly backend: Backend
  /** Before which steps another engine takes over. Default: before each. Never: one does all of it from memory. */
  readonly restarts?: (step: number) => boolean
}

/** Begins the failure of a step whose answer is not what was stored. */
export const UNLIKE = 'what was answered is not what is stored'

const actor = { id: 'tester', role: 'tester' }
/** A step takes milliseconds; a machine that is stuck must not hang the run. */
const STUCK_AFTER_MS = 30_000

/** The definition as registration takes it, or why it is refused. */
export function refusalOf(definition: Definition): string | undefined {
  try {
    createRegistry([definition])
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Runs a row on an engine. Over 70 lines because each kind of step uses the same engine and its log. */
export async function runDurable(
  name: string,
  { machine, input, steps }: Case,
  { backend, restarts = () => true }: DurableOptions,
): Promise<Seen[]> {
  const definition = definitionOf(name, machine, steps)
  const lane = backend.lane()
  const told: Texts[] = []
  let shown = 0
  const recorder: Subscriber = {
    name: 'recorder',
    wants: () => true,
    handle: ({ type, audience, payload }) => void told.push(textsOfEmitted({ type, audience, ...payload })),
  }
  const open = () =>
    createEngine({
      store: lane.store,
      definitions: [definition],
      subscribers: [recorder],
      clock: createClock(() => lane.now()),
    })

  const registry = createRegistry([definition])
  const longLived = open()
  let steady = longLived
  let id: string | undefined
  const seen: Seen[] = []

  async function take(engine: Engine, step: Case['steps'][number] | undefined): Promise<string | undefined> {
    try {
      if (id === undefined) {
        const made = await engine.create(name, input, { actor })
        if (made.kind !== 'created') throw new Error(`not created: ${made.reason}`)
        id = made.instance.id
        await isReadAsAnswered(made.instance.snapshot)
      } else if (typeof step === 'object') {
        const sent = await engine.send(id, step, { actor })
        if (sent.kind === 'refused') throw new Error(`refused: ${sent.reason}`)
        await isReadAsAnswered(sent.instance.snapshot)
      }
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  async function read(): Promise<Texts> {
    const [row] = id === undefined ? [] : await lane.store.load([id])
    return row === undefined ? { exact: 'none', asJson: 'none' } : textsOf(registry.restore(row))
  }

  /** What an engine answers from memory must be what another reads. */
  async function isReadAsAnswered(answer: AnyMachineSnapshot): Promise<void> {
    const [stored, answered] = [await read(), textsOf(answer)]
    if (stored.exact !== answered.exact) {
      throw new Error(`${UNLIKE}: answered ${answered.exact}\nstored ${stored.exact}`)
    }
  }

  try {
    for (const [i, step] of [undefined, ...steps].entries()) {
      if (restarts(i)) steady = i % 2 === 0 ? open() : longLived
      let failure: string | undefined
      if (typeof step === 'number') {
        await lane.pass(step)
        await fireTimers(open(), lane, id)
      } else {
        failure = await take(steady, step)
      }
      await until(() => told.length >= lane.written.length, 'the events are delivered')
      const now = { snapshot: await read(), emitted: told.slice(shown) }
      for (const [j, { exact }] of now.emitted.entries()) {
        const stored = lane.written[shown + j]
        if (failure === undefined && stored?.exact !== exact) {
          failure = `${UNLIKE}: delivered ${exact}\nstored ${stored?.exact}`
        }
      }
      shown = told.length
      seen.push(failure === undefined ? now : { ...now, failure })
      if (id === undefined) break
    }
  } finally {
    await longLived.close()
    await steady.close()
  }
  return seen
}

async function fireTimers(engine: Engine, lane: Lane, id: string | undefined): Promise<void> {
  if (id === undefined || (await lane.store.dueTimers(id)).length === 0) return
  await engine.start({ sweeps: false })
  try {
    await until(async () => (await lane.store.dueTimers(id)).length === 0, 'the due timers have fired')
  } finally {
    await engine.close()
  }
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + STUCK_AFTER_MS
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`It takes too long until ${what}`)
    await new Promise<void>(resolve => void setImmediate(resolve))
  }
}
