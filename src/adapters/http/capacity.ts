/*
 * The health check `capacity`: whether the process still makes progress. A bounded process may be full under load. It is
 * unhealthy only if it is full and nothing leaves, because then no new caller is served.
 */
import type { CheckResult, HealthCheck, HealthState } from './health.js'
import type { Room } from './traffic/room.js'

/** A healthy process answers faster: the database cancels a statement after 5 s. */
const DEGRADED_AFTER_MS = 5_000
/** No caller waits longer than 15 s, so after this the requests in the room will not end by themselves. */
const DOWN_AFTER_MS = 20_000

export type Rooms = Readonly<Record<'requests' | 'arriving' | 'unread', Room>>

export function capacityCheck(rooms: Rooms, now: () => number = () => performance.now()): HealthCheck {
  return async () => {
    const at = now()
    const stuckMs = Math.max(...Object.values(rooms).map(room => room.stuckMs(at)))
    const result: CheckResult = {
      status: stateOf(stuckMs),
      requests: rooms.requests.count,
      requestsLimit: rooms.requests.most.count,
      arriving: rooms.arriving.count,
      unread: rooms.unread.count,
    }
    return stuckMs === 0 ? result : { ...result, stuckMs: Math.round(stuckMs) }
  }
}

function stateOf(stuckMs: number): HealthState {
  if (stuckMs >= DOWN_AFTER_MS) return 'down'
  return stuckMs >= DEGRADED_AFTER_MS ? 'degraded' : 'ok'
}
