/* Races on seats, with the kit. The machine defines what is right, and the kit checks that it happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createEngine } from 'loadcast/runtime'
import {
  check,
  createMemoryStore,
  formatFailure,
  formatViolation,
  replay,
  type Subject,
  schedules,
  simulate,
  virtualEngineTarget,
} from 'loadcast/testing'
import { seatDefinition } from './seat.js'

const who = fc.constantFrom('ann', 'bob', 'eve')
const command = (type: string) => fc.record({ type: fc.constant(type), who })

const subject: Subject = {
  definition: seatDefinition,
  inputs: fc.record({ show: fc.constant('hamlet'), holdMs: fc.constantFrom(50, 500, 60_000) }),
  commands: fc.oneof(command('hold'), command('release'), command('buy')),
  moments: [50, 500],
  invariants: ({ journal }) =>
    journal.filter(({ status }) => status === 'sold').length > 1
      ? [{ invariant: 100, message: 'a seat was sold twice' }]
      : [],
}

test('no seat is sold twice, whatever dies or gets lost', async () => {
  const { failure, transitions } = await simulate(subject, { seed: Date.now() % 2 ** 31, runs: 50 })
  assert.equal(failure && formatFailure(failure), undefined)
  assert.ok(transitions > 50)
})

test('what callers are told is what the machine says', async () => {
  await fc.assert(
    fc.asyncProperty(schedules(subject), async schedule => {
      const { history, problems } = await replay(virtualEngineTarget(), subject, schedule)
      const { violations } = check(history, seatDefinition)
      assert.deepEqual([...violations.map(formatViolation), ...problems], [])
    }),
    { numRuns: 20 },
  )
})

test('a hold runs out, and a key is used once', async () => {
  const engine = createEngine({ store: createMemoryStore(), definitions: [seatDefinition] })
  const actor = { id: 'ann', role: 'customer' }
  const made = await engine.create('seat', { show: 'hamlet', holdMs: 60_000 }, { actor })
  assert.ok(made.kind === 'created')
  const hold = () => engine.send(made.id, { type: 'hold', who: 'ann' }, { actor, key: 'tap' })
  const [first, second] = [await hold(), await hold()]
  assert.ok(first.kind === 'applied' && second.kind === 'applied')
  assert.deepEqual([first.version, second.version, second.replayed], [2, 2, true])
  const bob = await engine.send(made.id, { type: 'buy', who: 'bob' }, { actor })
  assert.deepEqual(bob, { kind: 'refused', reason: 'NOT_YOURS', version: 2 })
  await engine.close()
})

test('a broken engine is caught', async () => {
  // The engine delivers no event to its subscribers.
  const { failure } = await simulate(subject, {
    seed: 1,
    runs: 200,
    alterations: {
      subscriber: subscriber => ({ ...subscriber, handle: () => {} }),
    },
  })
  assert.match(String(failure && formatFailure(failure)), /"seat\.sold" .* was not delivered/)
})
