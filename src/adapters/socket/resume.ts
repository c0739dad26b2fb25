/*
 * A socket that comes back. What it missed is sent first and live events reach it after, for if it is cut off again the
 * last id it has got must still be a point from which nothing is missed. So: read and send, join, and read once more
 * what has been recorded meanwhile.
 */
import type { Socket } from 'socket.io'
import { createSemaphore } from '../../concurrency/semaphore.js'
import { wakesPeople } from '../../dispatch/announcements/socket-events.js'
import type { Dispatch } from '../../dispatch/api.js'
import type { Caller } from '../../dispatch/person.js'
import type { Envelope } from '../../dispatch/ports.js'
import { problem, type Result } from '../../dispatch/problems.js'
import type { AcknowledgedEmits } from './acknowledged.js'

/** Pages of one absence. Who has missed more begins anew: reading it all would take longer than asking for the lists. */
const MAX_PAGES = 5
/**
 * What is recorded during the last pass before it joins may be overtaken by a live event, and must lie within what is
 * read again from that one's id (10 s): a pass that took longer is followed by another.
 */
const QUICK_PASS_MS = 2_000
/** A database that slow has no time for this. */
const MAX_PASSES = 4
/** Sockets that resume at once: after a deployment all do, and the database has others to serve. */
const MAX_RESUMING = 4

export interface Absence {
  readonly socket: Socket
  readonly caller: Caller
  readonly dispatch: Dispatch
  /** What the client has seen last. */
  readonly after: unknown
  /** The request whose room it is, instead of the caller's own. */
  readonly watching?: string
  /** Makes live events reach the socket. */
  join(): Promise<void> | void
}

export interface Resumer {
  /**
   * Sends what was missed and joins. `resync`: that cannot be said any more; the socket has been told what stands now.
   * A problem: nothing is certain, and the socket has not joined or has to resume again.
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

/** Sends all that there is since the point, but what is in `sent`. Stops early for a socket that has gone. */
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
