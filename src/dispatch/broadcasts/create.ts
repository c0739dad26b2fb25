/*
 * Creates a request. There are three forms of input and one machine. The engine decides whether the customer may have a
 * new request. A double tap is recognized by the fingerprint of the payload, which the first request carries.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type BroadcastInput, isSeeking } from '../../machines/index.js'
import { actorOf, keyed } from '../access.js'
import type { Created, CreateOptions } from '../answers.js'
import { limitsOfCreates, tooManyCreated } from '../caps.js'
import type { DispatchSettings, PartsWithEngine } from '../parts.js'
import type { Caller } from '../person.js'
import { ok, problem, type Result } from '../problems.js'
import { problemOfRefusal } from '../refusals.js'
import type { CreateBooking, CreateBroadcast, CreateOrder } from '../requests.js'
import { broadcastView } from '../views/broadcast-view.js'
import { asBroadcast, BROADCAST, type Broadcast } from './broadcast.js'
import { fingerprint } from './fingerprint.js'
import type { FirstStep } from './first-step.js'

/** The contract promises that the same payload of a customer within this time is the same request. */
const SAME_REQUEST_WITHIN_MS = 10_000
/** The first step takes some ten milliseconds. A create waits no longer than this for the number of offers. */
const FIRST_STEP_WAIT_MS = 1_000
/**
 * A request that was found may belong to another process, which does not report its first step here. The record is
 * read.
 */
const FOUND_WAIT_MS = 100
/** The holder may end between the refusal and the read of it. More often than this is no coincidence. */
const MAX_TRIES = 10
/**
 * Another process may be firing the same timer. Its commit takes some ten milliseconds, or a few hundred under load.
 */
const OVERDUE_PAUSE_MS = 150

/** The content of a request, in whichever form it arrived: the input without what `inputOf` and a retry add. */
export type Asked = Omit<
  BroadcastInput,
  'customerId' | 'fingerprint' | 'retryOf' | 'timeoutMs' | 'reachStepsKm' | 'reachStepMs' | 'cancelWindowMs'
>

export interface CreateParts extends PartsWithEngine {
  readonly firstStep: FirstStep
}

/** A request with one vehicle type is a booking, one with several is an order. */
export function askedByBroadcast(body: CreateBroadcast): Asked {
  const types = new Set(body.trucks.map(truck => truck.vehicleType))
  return { ...body, kind: types.size === 1 ? 'booking' : 'order' }
}

export function askedByBooking({ vehicleType, trucksNeeded, ...body }: CreateBooking): Asked {
  return { ...body, kind: 'booking', trucks: [{ vehicleType, count: trucksNeeded }] }
}

export function askedByOrder({ truckRequests, ...body }: CreateOrder): Asked {
  const trucks = truckRequests.map(({ vehicleType, quantity }) => ({ vehicleType, count: quantity }))
  return { ...body, kind: 'order', trucks }
}

export function inputOf(customerId: string, asked: Asked, settings: DispatchSettings): BroadcastInput {
  return {
    ...asked,
    customerId,
    fingerprint: fingerprint(asked),
    timeoutMs: settings.broadcastTimeoutMs,
    reachStepsKm: [...settings.reachStepsKm],
    reachStepMs: settings.reachStepMs,
    cancelWindowMs: settings.cancelWindowMs,
  }
}

export async function create(
  parts: CreateParts,
  caller: Caller,
  asked: Asked,
  { key }: CreateOptions = {},
): Promise<Result<Created>> {
  const { engine, settings } = parts
  const input = inputOf(caller.id, asked, settings)
  const limits = limitsOfCreates(settings.caps)
  for (let tries = 1; ; tries++) {
    const outcome = await engine.create(BROADCAST, input, { actor: actorOf(caller), limits, ...keyed(key) })
    if (outcome.kind === 'limited') return tooManyCreated(outcome)
    if (outcome.kind === 'replayed') return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
    if (outcome.kind === 'created') return answerCreated(parts, caller, asBroadcast(outcome.instance), true)
    const holder = await engine.get(outcome.holder)
    if (holder !== undefined) {
      const held = asBroadcast(holder)
      if (isLive(held, engine.now())) {
        if (isSame(held, input, engine.now())) return answerCreated(parts, caller, held, false)
        return problemOfRefusal(outcome.refusal)
      }
    }
    if (tries === MAX_TRIES) return problem('UNAVAILABLE', { retryAfterSeconds: 1 })
    // The request is past its deadline and its timer is late or lost. It ends now, whichever process holds the timer.
    if (holder !== undefined && isSeeking(asBroadcast(holder).snapshot)) {
      await engine.ring(holder.id)
      if (tries > 1) await delay(OVERDUE_PAUSE_MS)
    }
  }
}

/** The request has not ended and its time is not up. A request whose time is up accepts nothing. */
function isLive({ snapshot }: Broadcast, now: number): boolean {
  return isSeeking(snapshot) && now < snapshot.context.expiresAt
}

/** Only for live requests: one that has ended is never the answer to a new one. */
function isSame(held: Broadcast, input: BroadcastInput, now: number): boolean {
  const { context } = held.snapshot
  return (
    context.customerId === input.customerId &&
    context.fingerprint === input.fingerprint &&
    now - context.createdAt < SAME_REQUEST_WITHIN_MS
  )
}

/**
 * The answer to a create. It waits briefly for the first step, to report how many transporters were offered the
 * request.
 */
export async function answerCreated(
  { engine, recipients, firstStep }: CreateParts,
  caller: Caller,
  broadcast: Broadcast,
  isNew: boolean,
): Promise<Result<Created>> {
  const patienceMs = isNew ? FIRST_STEP_WAIT_MS : FOUND_WAIT_MS
  const waitMs = Math.max(0, broadcast.createdAt + patienceMs - engine.now())
  const count =
    (await firstStep.wait(broadcast.id, waitMs)) ?? (await recipients.offered(broadcast.id, '1')).length
  const standing = { notified: count, isOffered: false, hasDeclined: false }
  const view = Object.assign(broadcastView(caller, broadcast, standing, engine.now()), {
    timeoutSeconds: broadcast.snapshot.context.timeoutMs / 1000,
    matchingTransportersCount: count,
  })
  return ok({ broadcast: view, isNew })
}
