import { describe, expect, it } from '@jest/globals'
import { customer } from '../../support/engine/people.js'
import { expectOk, expectProblem } from '../../support/engine/results.js'
import { timeIsUp } from '../../support/engine/time-is-up.js'
import { accept, asking, registerTruck } from '../../support/engine/trucks.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const product = await useDispatch()

const retry = (id: string, me: ReturnType<typeof customer>) => product.dispatch.retryBroadcast(me, id)

/** A request of `count` trucks, of which `taken` were found before its time was up. */
async function expired(me: ReturnType<typeof customer>, count = 1, taken = 0): Promise<string> {
  const { id } = expectOk(await product.dispatch.createBroadcast(me, asking(count))).broadcast
  for (let i = 0; i < taken; i++)
    expectOk(await accept(product, id, await registerTruck(product, `${me.id}-${i}`)))
  await timeIsUp(product, id)
  return id
}

describe('R5.3 a retry', () => {
  it('requests only the missing trucks', async () => {
    const me = customer('c-missing')
    const id = await expired(me, 3, 2)
    const { broadcast, isNew } = expectOk(await retry(id, me))
    expect(isNew).toBe(true)
    expect(broadcast).toMatchObject({ status: 'searching', trucksNeeded: 1, customerId: me.id })
    expect((await product.engine.get(id))?.status).toBe('expired')
  })

  it('is made once, however many callers send it at once, and returned while it searches', async () => {
    const me = customer('c-once')
    const id = await expired(me)
    const answers = (await Promise.all(Array.from({ length: 10 }, () => retry(id, me)))).map(expectOk)
    expect(new Set(answers.map(a => a.broadcast.id)).size).toBe(1)
    expect(answers.filter(a => a.isNew)).toHaveLength(1)
    const retried = answers[0]?.broadcast.id ?? ''
    await timeIsUp(product, retried)
    expect(expectProblem(await retry(id, me))).toBe('NOT_RETRYABLE')
    // The retry has expired itself, and may be retried in its turn.
    expect(expectOk(await retry(retried, me)).isNew).toBe(true)
  })

  it('is refused for a request that has not expired', async () => {
    const me = customer('c-early')
    const { id } = expectOk(await product.dispatch.createBroadcast(me, asking())).broadcast
    expect(expectProblem(await retry(id, me))).toBe('NOT_RETRYABLE')
    expectOk(await product.dispatch.sendToBroadcast(me, id, { type: 'cancel' }))
    expect(expectProblem(await retry(id, me))).toBe('NOT_RETRYABLE')
  })

  it('is refused while the customer has another request, and possible afterwards', async () => {
    const me = customer('c-other')
    const id = await expired(me)
    const other = expectOk(await product.dispatch.createBroadcast(me, asking(2))).broadcast
    const refused = await retry(id, me)
    expect(refused).toMatchObject({
      ok: false,
      problem: { code: 'ACTIVE_BROADCAST_EXISTS', members: { broadcastId: other.id } },
    })
    expectOk(await product.dispatch.sendToBroadcast(me, other.id, { type: 'cancel' }))
    expect(expectOk(await retry(id, me)).isNew).toBe(true)
  })

  it('is not for others: a stranger does not learn that the request exists', async () => {
    const id = await expired(customer('c-mine'))
    expect(expectProblem(await retry(id, customer('c-stranger')))).toBe('NOT_FOUND')
  })
})
