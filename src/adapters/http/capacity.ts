/*
 * The health check `capacity`: whether the process still gets through what it has taken. To be full is no illness, it is
 * what a bounded process is under load. To be full while nothing leaves is: no new caller gets anything then.
 */
import type { CheckResult, HealthCheck, HealthState } from './health.js'
import type { Room } from './traffic/room.js'

/** The slowest answer of a process that works takes as long: a statement of 5 s that the server then cancels. */
const DEGRADED_AFTER_MS = 5_000
/** Longer than a caller is kept waiting at all (15 s): whatever is in there does not end by itself. */
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
