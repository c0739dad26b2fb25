/* A customer: requests trucks, waits for the end, pauses and requests again. Sometimes impatient or clumsy. */
import type { LoadcastEvent } from '../../src/client/index.js'
import type { BroadcastEventAnswer } from '../../src/dispatch/answers.js'
import type { BroadcastView, CreatedBroadcastView } from '../../src/dispatch/views/views.js'
import type { Answer } from '../api-client.js'
import { now } from '../ledger.js'
import { createLoad, type Load } from '../loads.js'
import type { Stage } from '../stage.js'
import type { Customer } from '../world.js'

const DOUBLE_TAP_SHARE = 0.08
/**
 * The same payload counts as the same request for 10 s. If the answer takes longer than this, the check would be
 * unreliable.
 */
const DOUBLE_TAP_JUDGED_MS = 5_000
const SECOND_SEARCH_SHARE = 0.08
const LOSES_PATIENCE_SHARE = 0.12
/** The share of customers who cancel when all trucks are found, in time or too late. */
const REGRETS_SHARE = 0.1
/** News of an end that comes later than this counts as missing. */
const NEWS_TIMEOUT_MS = 3_000

/**
 * Signs a customer in. Returns its actions until the last call. Over 70 lines because its functions share the actor's random
 * sequence and connection, which make a show repeatable.
 */
export async function playCustomer({ id, hub }: Customer, stage: Stage): Promise<() => Promise<void>> {
  const { ledger, world } = stage
  const random = stage.random.fork(id)
  const ends = createEnds()
  const { api, connection } = await stage.enter({ id, role: 'customer' }, hear)
  await connection.open()

  function hear(event: LoadcastEvent): void {
    if (event.type === 'driver_status_changed') return
    const { type, broadcastId, tripId, at } = event
    ledger.heard.push({ customerId: id, type, broadcastId, tripId, at: Date.parse(at), receivedAt: now() })
    if (type === 'booking_expired' || type === 'no_vehicles_available') ends.note(broadcastId, 'expired')
    if (event.type === 'booking_updated') ends.note(broadcastId, event.data.status)
  }

  /** Makes one request after another until the last call. */
  async function act(): Promise<void> {
    let thinkingMs = random.next() * 5_000
    while ((await stage.pause(thinkingMs)) && !stage.isLastCall()) {
      for (const request of await ask()) await seeThrough(request)
      thinkingMs = random.logNormal(2_500, 0.6, 500, 8_000)
    }
  }

  /** The requests that were made: one, or more if the answer took so long that the first had ended. */
  async function ask(): Promise<readonly BroadcastView[]> {
    const load = createLoad(world, hub, random)
    const other = createLoad(world, hub, random)
    const taps = random.chance(DOUBLE_TAP_SHARE) ? 2 : 1
    const searchesTwice = random.chance(SECOND_SEARCH_SHARE)
    const answers = await Promise.all(Array.from({ length: taps }, () => post(load, taps)))
    if (taps === 2) judgeDoubleTap(answers)
    const requests = distinct(answers)
    const [first] = requests
    if (first === undefined || !searchesTwice) return requests
    // Another load during a search: refused with the id of the running request.
    const second = await post(other, 2)
    ledger.add('second searches')
    if (second.body === undefined && second.problem?.broadcastId !== first.id) {
      ledger.surprise(
        `a second search of ${id} was not told of ${first.id}: ${JSON.stringify(second.problem)}`,
      )
    }
    return distinct([...answers, second])
  }

  /** Sends `attempts` at once. All but one may get the same request. */
  async function post(
    { path, body, truckCount }: Load,
    attempts: number,
  ): Promise<Answer<CreatedBroadcastView>> {
    const expected = attempts > 1 ? (['ACTIVE_BROADCAST_EXISTS'] as const) : []
    const answer = await api.call<CreatedBroadcastView>({ method: 'POST', path, body, expected })
    if (answer.body === undefined) return answer
    const { id: requestId, trucksNeeded, matchingTransportersCount: firstOffers } = answer.body
    if (trucksNeeded !== truckCount)
      ledger.surprise(`${requestId} asks for ${trucksNeeded}, not ${truckCount}`)
    if (answer.status !== 201) return answer
    const { sentAt, answeredAt } = answer
    ledger.requests.push({ id: requestId, customerId: id, sentAt, answeredAt, trucksNeeded, firstOffers })
    return answer
  }

  function judgeDoubleTap(answers: readonly Answer<CreatedBroadcastView>[]): void {
    ledger.add('double taps on a request')
    const wasPrompt = answers.every(({ sentAt, answeredAt }) => answeredAt - sentAt < DOUBLE_TAP_JUDGED_MS)
    const ids = new Set(answers.map(({ body }) => body?.id))
    if (wasPrompt && ids.size > 1) ledger.surprise(`a double tap of ${id} was not answered with one request`)
  }

  /** Waits for the end of the request and of the trips that the customer still needs. */
  async function seeThrough({ id: requestId, expiresAt }: BroadcastView): Promise<void> {
    const ended = ends.of(requestId)
    if (random.chance(LOSES_PATIENCE_SHARE)) {
      const patience = after(random.logNormal(3_000, 0.7, 600, 9_000), 'impatient')
      const first = await Promise.race([ended, patience])
      if (first === 'impatient' && (await cancel(requestId))) return
    }
    const regrets = random.chance(REGRETS_SHARE)
    const untold = after(Date.parse(expiresAt) + NEWS_TIMEOUT_MS - now(), 'untold')
    const status = await Promise.race([ended, untold])
    if (status === 'untold') ledger.surprise(`${requestId}: its customer was not told of its end`)
    if (status !== 'fully_filled' || !regrets) return
    if (await stage.pause(random.next() * 9_000)) await cancel(requestId)
  }

  async function after<T>(ms: number, then: T): Promise<T | undefined> {
    return (await stage.pause(Math.max(0, ms))) ? then : undefined
  }

  /** True if the request is cancelled now. */
  async function cancel(requestId: string): Promise<boolean> {
    const body = { reason: 'Found another way' }
    const answer = await api.call<BroadcastEventAnswer>({
      ...(random.chance(0.5)
        ? { method: 'PUT', path: `/api/v1/booking/${requestId}/cancel`, body }
        : {
            method: 'POST',
            path: `/api/v1/broadcasts/${requestId}/events`,
            body: { type: 'cancel', ...body },
          }),
      expected: ['TOO_LATE_TO_CANCEL', 'BROADCAST_EXPIRED'],
    })
    ledger.add(answer.body === undefined ? `cancels refused: ${answer.code}` : 'cancels')
    if (answer.body === undefined) return false
    ledger.cancels.push({ broadcastId: requestId, version: answer.body.version })
    return true
  }

  return act
}

const distinct = (answers: readonly Answer<CreatedBroadcastView>[]): readonly BroadcastView[] => [
  ...new Map(answers.flatMap(({ body }) => (body === undefined ? [] : [[body.id, body]]))).values(),
]

const endings = new Set(['fully_filled', 'cancelled', 'expired'])

/** The ends of requests. News of an end may come before the answer to the request. */
function createEnds() {
  const known = new Map<string, { promise: Promise<string>; resolve: (status: string) => void }>()
  const find = (broadcastId: string) => {
    const found = known.get(broadcastId)
    if (found !== undefined) return found
    let resolve: (status: string) => void = () => {}
    const promise = new Promise<string>(done => {
      resolve = done
    })
    const ending = { promise, resolve }
    known.set(broadcastId, ending)
    return ending
  }
  return {
    of: (broadcastId: string) => find(broadcastId).promise,
    note(broadcastId: string, status: string) {
      if (endings.has(status)) find(broadcastId).resolve(status)
    },
  }
}
