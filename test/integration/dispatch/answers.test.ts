import { beforeEach, describe, expect, it } from '@jest/globals'
import { RefusedAccepts } from '../../../src/dispatch/broadcasts/refused-accepts.js'
import { personRoom, type RefusedAccept } from '../../../src/dispatch/ports.js'
import { until } from '../../support/engine/engine.js'
import { customer, northOfPickup } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { accept, asking, registerTruck, type Truck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

let round = 0

const product = await useDispatch()
beforeEach(() => {
  round++
})

const type = () => `type_${round}`
const near = (name: string, km = 2) =>
  registerTruck(product, `${round}-${name}`, { vehicleType: type(), place: northOfPickup(km) })
const create = async (name = 'c', count = 1) =>
  expectOk(await product.dispatch.createBroadcast(customer(`${name}${round}`), asking(count, type())))
    .broadcast.id
const decline = ({ caller }: Truck, id: string, reason?: string) =>
  product.dispatch.sendToBroadcast(caller, id, {
    type: 'decline',
    ...(reason === undefined ? {} : { reason }),
  })
const answersOf = async ({ caller }: Truck, limit = 20, cursor?: string) => {
  await product.settled()
  const query = { limit, ...(cursor === undefined ? {} : { cursor }) }
  return expectOk(await product.dispatch.listAnswers(caller, query))
}

describe('R6.5 a transporter’s answers', () => {
  it('are its accepts, declines and refusals, newest first, each with its outcome', async () => {
    const [one, other] = [await near('one'), await near('other')]
    const [first, second, third] = [await create('a'), await create('b'), await create('d')]
    const won = expectOk(await accept(product, first, one))
    expect(expectProblem(await accept(product, second, one))).toBe('DRIVER_BUSY')
    expectOk(await decline(one, second, 'Too far'))
    expectOk(await accept(product, third, other))
    expect(expectProblem(await accept(product, third, one))).toBe('NO_LONGER_AVAILABLE')
    const { items, nextCursor } = await answersOf(one)
    expect(nextCursor).toBeNull()
    const trip = { driverId: one.driverId, vehicleId: one.vehicleId }
    const at = expect.stringMatching(/Z$/)
    const id = expect.any(String)
    const lost = (broadcastId: string, code: string) => ({
      id,
      at,
      type: 'accept',
      outcome: 'refused',
      code,
      broadcastId,
      ...trip,
    })
    expect(items).toEqual([
      lost(third, 'NO_LONGER_AVAILABLE'),
      { id, at, type: 'decline', outcome: 'applied', broadcastId: second, reason: 'Too far' },
      lost(second, 'DRIVER_BUSY'),
      {
        id: won.assignment?.tripId,
        at,
        type: 'accept',
        outcome: 'applied',
        broadcastId: first,
        tripId: won.assignment?.tripId,
        tripStatus: 'assigned',
        ...trip,
      },
    ])
    for (const item of items) expect(Math.abs(Date.parse(item.at) - Date.now())).toBeLessThan(60_000)
  })

  it('come in pages that lose nothing while new answers are given', async () => {
    const truck = await near('pages')
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      ids.unshift(await create(`p${i}`))
      expectOk(await decline(truck, ids[0] ?? ''))
    }
    const seen: string[] = []
    let page = await answersOf(truck, 2)
    seen.push(...page.items.map(item => item.broadcastId))
    expectOk(await decline(truck, await create('new')))
    while (page.nextCursor !== null) {
      page = await answersOf(truck, 2, page.nextCursor)
      seen.push(...page.items.map(item => item.broadcastId))
    }
    expect(seen).toEqual(ids)
  })

  it('keep the first refusal of each kind, however often it is tried, and none for unknown requests', async () => {
    const [one, other] = [await near('often'), await near('winner')]
    const id = await create('o')
    expectOk(await accept(product, id, other))
    for (let i = 0; i < 5; i++) await accept(product, id, one)
    expect(expectProblem(await accept(product, '01890a5d-ac96-774b-bcce-b302099a8057', one))).toBe(
      'NOT_FOUND',
    )
    expect((await answersOf(one)).items.map(item => item.code)).toEqual(['NO_LONGER_AVAILABLE'])
  })

  it('are bounded while the database cannot store them: further ones are dropped, with one log line', async () => {
    const written: RefusedAccept[][] = []
    const warnings: string[] = []
    const log = { warn: (_: object, message: string) => warnings.push(message), error() {} }
    const answers = {
      addRefused: async (batch: readonly RefusedAccept[]) => {
        if (written.push([...batch]) === 1) throw new Error('the database is away')
      },
      list: async () => [],
    }
    const refused = new RefusedAccepts(answers, log)
    const note = () =>
      refused.note({ transporterId: 't', broadcastId: 'b', driverId: 'd', vehicleId: 'v' }, 'DRIVER_BUSY')
    for (let i = 0; i < 10_100; i++) note()
    refused.note({ transporterId: 't', broadcastId: 'b', driverId: 'd', vehicleId: 'v' }, 'NOT_FOUND')
    await refused.idle()
    expect(written.flat()).toHaveLength(10_000)
    expect(Math.max(...written.map(batch => batch.length))).toBeLessThanOrEqual(500)
    expect(warnings).toEqual([
      'refused accepts are dropped: too many wait',
      'refused accepts could not be stored',
    ])
  })
})

describe('R6.5 a decline', () => {
  const step = async (id: string) =>
    expectOk(await product.dispatch.getBroadcast(customer(`c${round}`), id)).reach.step

  it('by the last offered transporter widens the reach at once, and again if a step finds no new one', async () => {
    const [one, other] = [await near('x', 2), await near('y', 3)]
    const distant = await near('z', 700)
    const id = await create()
    expectOk(await decline(one, id))
    expect(await step(id)).toBe(1)
    const last = expectOk(await decline(other, id))
    expect(last.broadcast.reach.step).not.toBe(1)
    // Within 75 km there is no further transporter, so each step finds none until the last step reaches all owners.
    await until(async () => (await step(id)) === 'everyone')
    await until(() => product.fanout.heard(personRoom(distant.caller), 'new_broadcast').length > 0)
    expect(await step(id)).toBe('everyone')
  })

  it('hides the offer, is recorded once, and does not take the right to accept', async () => {
    const truck = await near('h')
    await near('keeps-it-open')
    const id = await create()
    const live = async () =>
      expectOk(await product.dispatch.listBroadcasts(truck.caller, { limit: 20 })).items.map(item => item.id)
    expect(await live()).toEqual([id])
    const first = expectOk(await decline(truck, id, 'Not today'))
    expect([first.outcome, first.broadcast.nextEvents]).toEqual(['applied', ['accept']])
    const again = expectOk(await decline(truck, id, 'Another reason'))
    expect([again.outcome, again.version]).toEqual(['unchanged', first.version])
    expect(await live()).toEqual([])
    expectOk(await accept(product, id, truck))
    expect((await answersOf(truck)).items.map(item => [item.type, item.reason])).toEqual([
      ['accept', undefined],
      ['decline', 'Not today'],
    ])
  })

  it('by the last two at the same instant widens it too: one of them sees both', async () => {
    for (let i = 0; i < 10; i++) {
      round++
      const trucks = [await near('p', 2), await near('q', 3)]
      const id = await create()
      await Promise.all(trucks.map(truck => decline(truck, id)))
      await until(async () => (await step(id)) !== 1)
    }
  })
})
