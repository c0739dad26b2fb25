import { expect, it } from '@jest/globals'
import type { Store, StoredTimer } from '../../../../src/runtime/ports.js'
import { silentLog } from '../../../../src/runtime/silent-log.js'
import { TimerService } from '../../../../src/runtime/timers/timers.js'
import { until } from '../../../support/engine/engine.js'

const timer: StoredTimer = {
  instance: 'd1',
  machine: 'door',
  sendId: 'close',
  generation: 2,
  event: { type: 'xstate.after.closeDelay.door.open' },
  dueAt: 1,
}

/** The database gives it out again and again, as if each lease ran out at once. */
function serve(fire: (timer: StoredTimer) => Promise<void>) {
  let leases = 0
  const leaseTimers = async () => {
    leases += 1
    return { timers: [timer], nextDueAt: Date.now() }
  }
  const service = new TimerService({
    store: { leaseTimers } as unknown as Store,
    known: [{ machine: 'door', version: 1 }],
    clock: { now: () => Date.now() },
    fire,
    log: silentLog,
  })
  service.start()
  return { service, leases: () => leases }
}

it('a timer that is leased before it is due fires when it is due, the earliest first, and its instance is read meanwhile', async () => {
  const near = (now: number) =>
    [60, 20, 40].map(inMs => ({ ...timer, sendId: `in ${inMs}`, dueAt: now + inMs }))
  const happened: string[] = []
  let isLeased = false
  const service = new TimerService({
    store: {
      async leaseTimers() {
        if (isLeased) return { timers: [], nextDueAt: undefined }
        isLeased = true
        return { timers: near(Date.now()), nextDueAt: undefined }
      },
    } as unknown as Store,
    known: [{ machine: 'door', version: 1 }],
    clock: { now: () => Date.now() },
    async fire({ sendId, dueAt }) {
      happened.push(Date.now() < dueAt ? `${sendId}, too early` : sendId)
    },
    prepare: instances => void happened.push(`prepare ${instances.join()}`),
    log: silentLog,
  })
  service.start()
  await until(() => happened.length > 0)
  // Whoever stops has handed over what it had leased.
  await service.stop()
  expect(happened).toEqual(['prepare d1', 'in 20', 'in 40', 'in 60'])
})

it('R10.8 timers that are due at the same millisecond fire in the order of arming, also if several polls leased them', async () => {
  const bell = (sendId: string, generation: number, ordinal: number) => ({
    ...timer,
    sendId,
    generation,
    ordinal,
  })
  const looks = [
    [bell('e', 3, 0), bell('b', 1, 1)],
    [bell('d', 2, 1), bell('a', 1, 0), bell('c', 2, 0)],
  ]
  const dueAt = Date.now()
  const fired: string[] = []
  const service = new TimerService({
    store: {
      async leaseTimers() {
        const timers = (looks.shift() ?? []).map(one => ({ ...one, dueAt }))
        // Looks at once until all are leased.
        return { timers, nextDueAt: looks.length > 0 ? dueAt : undefined }
      },
    } as unknown as Store,
    known: [{ machine: 'door', version: 1 }],
    // Nothing is due before both looks are over.
    clock: { now: () => (looks.length > 0 ? dueAt - 1 : Date.now()) },
    async fire({ sendId }) {
      fired.push(sendId)
    },
    log: silentLog,
  })
  service.start()
  await until(() => fired.length === 5)
  expect(fired.join('')).toBe('abcde')
  await service.stop()
})

it('R9.4 a timer that is still being fired when its lease expires is not fired again by the same process', async () => {
  let finish = () => {}
  let fired = 0
  const { service, leases } = serve(() => {
    fired += 1
    return new Promise(resolve => {
      finish = resolve
    })
  })
  await until(() => leases() >= 5)
  expect(fired).toBe(1)
  expect(service.held()).toEqual([timer])
  finish()
  // A commit that failed leaves it to be fired anew, by whoever leases it next.
  await until(() => fired === 2)
  await service.stop()
  finish()
  await until(() => service.held().length === 0)
})
