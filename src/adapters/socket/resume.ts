/*
 * Resumes a socket that reconnects. It gets missed events first and live events afterwards. If it disconnects again,
 * the last id that it got is then still a point from which nothing is missed. So: read and send, join, then read once
 * more what was recorded in the meantime.
 */
import type { Socket } from 'socket.io'
import { createSemaphore } from '../../concurrency/semaphore.js'
import { wakesPeople } from '../../dispatch/announcements/socket-events.js'
import type { Dispatch } from '../../dispatch/api.js'
import type { Caller } from '../../dispatch/person.js'
import type { Envelope } from '../../dispatch/ports.js'
import { problem, type Result } from '../../dispatch/problems.js'
import type { AcknowledgedEmits } from './acknowledged.js'

/**
 * Pages of one absence. A client that missed more starts anew: requesting the lists is faster than reading all events.
 */
const MAX_PAGES = 5
/**
 * A live event may overtake events that were recorded during the last pass before joining. A later read from the live
 * event's id goes back 10 s and must cover them. So a slower pass is followed by another one.
 */
const QUICK_PASS_MS = 2_000
/** With a database this slow, the client should retry later. */
const MAX_PASSES = 4
/** How many sockets resume at once. After a deployment all of them do, and the database has other callers. */
const MAX_RESUMING = 4

export interface Absence {
  readonly socket: Socket
  readonly caller: Caller
  readonly dispatch: Dispatch
  /** The id of the last event that the client has seen. */
  readonly after: unknown
  /** The request of the room that is joined. Absent: the caller's own room. */
  readonly watching?: string
  /** Joins the room, from which on live events reach the socket. */
  join(): Promise<void> | void
}

export interface Resumer {
  /**
   * Sends the missed events and joins. `isResync`: they are no longer known, and the socket got the present state
   * instead. On a problem the socket has not joined, or has to resume again.
   */
  resume(absence: Absence): Promise<Result<{ readonly isResync: boolean }>>
}

type Ask = Pick<AcknowledgedEmits, 'askOne'>

export function createResumer(ask: Ask): Resumer {
  const withPermit = createSemaphore(MAX_RESUMING)
  return { resume: absence => withPermit(() => resume(absence, ask)) }
}

type Reading = Result<{ readonly isResync: boolean; readonly next: string }>

async function resume(absence: Absence, ask: Ask): Promise<Result<{ readonly isResync: boolean }>> {
  const sent = new Set<string>()
  const { after } = absence
  let point = typeof after === 'string' ? after : ''
  let isResync = false
  for (let passes = 0; ; passes++) {
    if (passes === MAX_PASSES) return problem('UNAVAILABLE', { retryAfterSeconds: 1 })
    const begunAt = performance.now()
    const missed = await sendSince(absence, point, sent, ask)
    if (!missed.ok || !absence.socket.connected) return missed
    point = missed.value.next
    isResync ||= missed.value.isResync
    if (performance.now() - begunAt <= QUICK_PASS_MS) break
  }
  await absence.join()
  const meanwhile = await sendSince(absence, point, sent, ask)
  if (!meanwhile.ok) return meanwhile
  return { ok: true, value: { isResync: isResync || meanwhile.value.isResync } }
}

/** Sends all events since the point, except those in `sent`. Stops early if the socket disconnects. */
async function sendSince(absence: Absence, point: string, sent: Set<string>, ask: Ask): Promise<Reading> {
  const { socket, caller, dispatch, watching } = absence
  let after = point
  for (let pages = 0; socket.connected; pages++) {
    const tooMuch = pages === MAX_PAGES
    const result = await dispatch.sync(caller, { after: tooMuch ? '' : after, watching })
    if (!result.ok) return result
    const { next } = result.value
    if (result.value.resync) {
      const { broadcasts } = result.value
      socket.emit('resync', {
        type: 'resync',
        at: new Date().toISOString(),
        data: { broadcasts, next, ...(watching === undefined ? {} : { broadcastId: watching }) },
      })
      return { ok: true, value: { isResync: true, next } }
    }
    for (const envelope of result.value.events) send(socket, envelope, sent, ask)
    if (!result.value.hasMore) return { ok: true, value: { isResync: false, next } }
    after = next
  }
  return { ok: true, value: { isResync: false, next: after } }
}

function send(socket: Socket, envelope: Envelope, sent: Set<string>, ask: Ask): void {
  if (envelope.id === undefined || sent.has(envelope.id)) return
  sent.add(envelope.id)
  if (wakesPeople(envelope)) ask.askOne(socket, envelope)
  else socket.emit(envelope.type, envelope)
}
