/* The messages that clients may send on a socket. Each is acknowledged with `{ok: true}` or with a problem document. */
import type { Socket } from 'socket.io'
import type { Dispatch } from '../../dispatch/api.js'
import { invalid, parseInput } from '../../dispatch/border.js'
import type { Caller } from '../../dispatch/person.js'
import { broadcastRoom } from '../../dispatch/ports.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import { driverHeartbeat, transporterHeartbeat, watchMessage } from '../../dispatch/requests.js'
import type { Absence, Resumer } from './resume.js'

/** How many requests one socket may watch: more than a page of a list. Each costs memory in the adapter. */
export const MAX_WATCHED = 100

export interface MessageContext {
  readonly socket: Socket
  readonly caller: Caller
  readonly dispatch: Dispatch
  readonly resumer: Resumer
}

type Handler = (context: MessageContext, payload: unknown) => Promise<Result<unknown>>

export const messageHandlers: Readonly<Record<string, Handler>> = {
  heartbeat: async ({ caller, dispatch }, payload) => {
    if (caller.role === 'driver') {
      const beat = parseInput(driverHeartbeat, payload)
      return beat.ok ? await dispatch.driverHeartbeat(caller, beat.value) : beat
    }
    if (caller.role === 'transporter') {
      const beat = parseInput(transporterHeartbeat, payload ?? {})
      return beat.ok ? await dispatch.transporterHeartbeat(caller, beat.value) : beat
    }
    return problem('FORBIDDEN')
  },

  watch: async ({ socket, caller, dispatch, resumer }, payload) => {
    const message = parseInput(watchMessage, payload)
    if (!message.ok) return message
    const { broadcastId: id, after } = message.value
    // Without the socket's own room and its person's room.
    if (socket.rooms.size - 2 >= MAX_WATCHED) return tooManyWatched()
    if (!(await dispatch.mayWatch(caller, id))) return problem('NOT_FOUND')
    // The socket may have disconnected in the meantime. Joined then, it would never leave its rooms.
    const join = async () => {
      if (socket.connected) await socket.join(broadcastRoom(id))
    }
    if (after !== undefined)
      return watchAgain({ socket, caller, dispatch, after, watching: id, join }, resumer)
    await join()
    return ok(undefined)
  },

  unwatch: async ({ socket }, payload) => {
    const message = parseInput(watchMessage, payload)
    if (!message.ok) return message
    await socket.leave(broadcastRoom(message.value.broadcastId))
    return ok(undefined)
  },
}

/** Sends the missed events before the acknowledgement, which says `resync` when they are no longer known. */
async function watchAgain(absence: Absence, resumer: Resumer): Promise<Result<unknown>> {
  const resumed = await resumer.resume(absence)
  if (!resumed.ok) return resumed
  return ok(resumed.value.isResync ? { resync: true } : undefined)
}

function tooManyWatched(): Result<never> {
  const message = `Expected at most ${MAX_WATCHED} watched requests: unwatch one first`
  return invalid([{ path: 'broadcastId', message }])
}
