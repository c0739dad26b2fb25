/* The reference: the machine as a running XState actor, in virtual time. */
import { type AnyMachineSnapshot, createActor } from 'xstate'
import { type Case, messageOf, type Seen, type Texts, textsOf, textsOfEmitted } from './case.js'
import { VirtualClock } from './virtual-clock.js'

export function runPlain({ machine, input, steps }: Case): Seen[] {
  const clock = new VirtualClock()
  const actor = createActor(machine, { input, clock, logger: () => {} })
  let emitted: Texts[] = []
  actor.on('*', event => void emitted.push(textsOfEmitted(event as Record<string, unknown>)))
  // Without a listener XState reports an error of the machine to the process.
  actor.subscribe({ error: () => {} })

  function see(): Seen {
    const snapshot = actor.getSnapshot() as AnyMachineSnapshot
    const seen = { snapshot: textsOf(snapshot), emitted }
    emitted = []
    return snapshot.status === 'error' ? { ...seen, failure: messageOf(snapshot.error) } : seen
  }

  actor.start()
  const seen = [see()]
  for (const step of steps) {
    if (typeof step === 'number') clock.pass(step)
    else actor.send(step)
    seen.push(see())
  }
  actor.stop()
  return seen
}
