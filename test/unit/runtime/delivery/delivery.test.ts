import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { FoldedEvent } from '../../../../src/runtime/commit/fold.js'
import { createDeliveryService } from '../../../../src/runtime/delivery/delivery.js'
import type { LeasedDelivery, Store } from '../../../../src/runtime/ports.js'
import { silentLog } from '../../../../src/runtime/silent-log.js'
import type { DeliveryKey, EmittedEvent, Subscriber } from '../../../../src/runtime/types.js'

const A_SWEEP_MS = 1_300
/** What the clock says that events are stamped by. */
let now = 0

/** An outbox that leases what it is given, once, and notes what becomes of it. */
function outbox(abandoned: LeasedDelivery[] = []) {
  const settled: string[] = []
  const retried: { attempts: number; delayMs: number }[] = []
  const buried: { attempts: number; error: string }[] = []
  const late: string[] = []
  const name = (key: DeliveryKey) => `${key.instance} ${key.version}.${key.index} ${key.subscriber}`
  const store = {
    leaseDeliveries: async () => abandoned.splice(0),
    markLate: async (keys: DeliveryKey[]) =>
      void late.push(...keys.map(({ instance, version }) => `${instance} ${version}`)),
    settleDeliveries: async (keys: DeliveryKey[]) => void settled.push(...keys.map(name)),
    retryDelivery: async (_key: DeliveryKey, attempts: number, delayMs: number) =>
      void retried.push({ attempts, delayMs }),
    buryDelivery: async (_key: DeliveryKey, attempts: number, error: string) =>
      void buried.push({ attempts, error }),
  } as unknown as Store
  return { store, settled, retried, buried, late }
}
const event = (instance: string, version: number, subscribers = ['one']): FoldedEvent => ({
  instance,
  machine: 'door',
  version,
  index: 0,
  type: 'door.opened',
  payload: {},
  audience: [],
  at: 0,
  subscribers,
})
function subscriber(handle: Subscriber['handle'], name = 'one'): Subscriber {
  return { name, wants: () => true, handle }
}
const serve = (store: Store, ...subscribers: Subscriber[]) =>
  createDeliveryService({ store, subscribers, known: [], log: silentLog, clock: { now: () => now } })
/** A promise that the test resolves. */
function door() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

beforeEach(() => {
  now = 0
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

describe('a delivery', () => {
  it.each([
    [1, 500],
    [2, 1_000],
    [3, 2_000],
    [5, 8_000],
    [8, 60_000],
    [9, 60_000],
  ])('that fails for time %d is retried in %d ms, give or take a quarter', async (attempt, usualMs) => {
    const { store, retried } = outbox([{ event: event('d', 1), subscriber: 'one', attempts: attempt - 1 }])
    const service = serve(
      store,
      subscriber(() => {
        throw new Error('no')
      }),
    )
    service.start()
    await jest.advanceTimersByTimeAsync(A_SWEEP_MS)
    expect(retried).toEqual([{ attempts: attempt, delayMs: expect.any(Number) }])
    expect(Math.abs((retried[0]?.delayMs ?? 0) / usualMs - 1)).toBeLessThanOrEqual(0.25)
  })

  it('that fails for the tenth time becomes a dead letter with the last error', async () => {
    const { store, retried, buried } = outbox([{ event: event('d', 1), subscriber: 'one', attempts: 9 }])
    const service = serve(
      store,
      subscriber(() => Promise.reject(new Error('never'))),
    )
    service.start()
    await jest.advanceTimersByTimeAsync(A_SWEEP_MS)
    expect(retried).toEqual([])
    expect(buried).toEqual([{ attempts: 10, error: 'Error: never' }])
  })

  it('is made in the tick of the commit, and its removal goes together with others', async () => {
    const { store, settled } = outbox()
    const told: string[] = []
    const service = serve(
      store,
      subscriber(e => void told.push(e.instance)),
    )
    service.deliver([event('a', 1), event('b', 1)], now)
    expect(told).toEqual(['a', 'b'])
    await jest.advanceTimersByTimeAsync(100)
    expect(settled.sort()).toEqual(['a 1.0 one', 'b 1.0 one'])
  })

  it('that ends while others are being removed is removed after them, even if no sweep was started', async () => {
    const { store, settled } = outbox()
    const late = door()
    const removing: Store['settleDeliveries'] = async keys => {
      await late.opened
      await store.settleDeliveries(keys)
    }
    const service = serve(
      { ...store, settleDeliveries: removing },
      subscriber(() => {}),
    )
    service.deliver([event('a', 1)], now)
    await jest.advanceTimersByTimeAsync(100)
    service.deliver([event('b', 1)], now)
    late.open()
    await jest.advanceTimersByTimeAsync(100)
    expect(settled).toEqual(['a 1.0 one', 'b 1.0 one'])
  })

  it('of one instance waits for the one before it; of another it does not', async () => {
    const { store } = outbox()
    const first = door()
    const told: string[] = []
    const service = serve(
      store,
      subscriber(async e => {
        if (e.instance === 'a' && e.version === 1) await first.opened
        told.push(`${e.instance}${e.version}`)
      }),
    )
    service.deliver([event('a', 1), event('a', 2), event('b', 1)], now)
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual(['b1'])
    first.open()
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual(['b1', 'a1', 'a2'])
  })

  it('waits for none if order does not matter', async () => {
    const { store } = outbox()
    const first = door()
    const told: string[] = []
    const handle = async (e: EmittedEvent) => {
      if (e.version === 1) await first.opened
      told.push(`${e.instance}${e.version}`)
    }
    const service = serve(store, { ...subscriber(handle), isUnordered: true })
    service.deliver([event('a', 1), event('a', 2)], now)
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual(['a2'])
    first.open()
    await service.stop()
    expect(told).toEqual(['a2', 'a1'])
  })

  it('to one subscriber does not wait for another', async () => {
    const { store } = outbox()
    const told: string[] = []
    const service = serve(
      store,
      subscriber(() => new Promise(() => {}), 'hung'),
      subscriber(e => void told.push(`${e.version}`), 'quick'),
    )
    service.deliver([event('a', 1, ['hung', 'quick']), event('a', 2, ['hung', 'quick'])], now)
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual(['1', '2'])
  })

  it('that this process is about to make is not made twice because its lease has expired', async () => {
    const slow = door()
    const abandoned: LeasedDelivery[] = []
    const { store } = outbox(abandoned)
    let times = 0
    const service = serve(
      store,
      subscriber(() => {
        times++
        return slow.opened
      }),
    )
    service.start()
    service.deliver([event('a', 1)], now)
    abandoned.push({ event: event('a', 1), subscriber: 'one', attempts: 0 })
    await jest.advanceTimersByTimeAsync(A_SWEEP_MS)
    expect(abandoned).toEqual([])
    slow.open()
    await jest.advanceTimersByTimeAsync(10)
    expect(times).toBe(1)
  })

  it('R7.3 later than 5 s after its event is marked late before it is made', async () => {
    const { store, late } = outbox()
    const first = door()
    const told: string[] = []
    const service = serve(
      store,
      subscriber(async e => {
        told.push(`${e.version}, late are ${late}`)
        if (e.version === 1) await first.opened
      }),
    )
    service.deliver([event('a', 1), event('a', 2)], now)
    now = 5_001
    first.open()
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual(['1, late are ', '2, late are a 2'])
  })

  it('R7.3 that cannot be marked late is not made, but retried', async () => {
    const { store, retried } = outbox()
    const told: string[] = []
    const service = serve(
      Object.assign(store, { markLate: () => Promise.reject(new Error('no database')) }),
      subscriber(e => void told.push(e.instance)),
    )
    now = 60_000
    service.deliver([event('a', 1)], 0)
    await jest.advanceTimersByTimeAsync(10)
    expect(told).toEqual([])
    expect(retried).toEqual([{ attempts: 1, delayMs: expect.any(Number) }])
  })

  it('R7.3 that was taken over is marked with that, and is marked again if it takes long afterwards', async () => {
    const { store, late } = outbox([
      { event: event('a', 1), subscriber: 'one', attempts: 0 },
      { event: event('a', 2), subscriber: 'one', attempts: 0 },
    ])
    const first = door()
    now = 60_000
    const service = serve(
      store,
      subscriber(e => (e.version === 1 ? first.opened : undefined)),
    )
    service.start()
    await jest.advanceTimersByTimeAsync(A_SWEEP_MS)
    expect(late).toEqual([])
    now += 5_001
    first.open()
    await jest.advanceTimersByTimeAsync(10)
    expect(late).toEqual(['a 2'])
  })

  it('in progress when the engine stops is waited for', async () => {
    const { store, settled } = outbox()
    const slow = door()
    const service = serve(
      store,
      subscriber(() => slow.opened),
    )
    service.start()
    service.deliver([event('a', 1)], now)
    let isStopped = false
    const stopping = service.stop().then(() => {
      isStopped = true
    })
    await jest.advanceTimersByTimeAsync(1_000)
    expect(isStopped).toBe(false)
    slow.open()
    await jest.advanceTimersByTimeAsync(10)
    await stopping
    expect(settled).toEqual(['a 1.0 one'])
  })
})
