import type { Clock } from '../clock.js'
import type { Committer } from '../commit/committer.js'
import { OverloadedError } from '../errors.js'
import { ending, traced } from '../observed.js'
import type { Platform } from '../platform.js'
import type { StoredTimer } from '../ports.js'
import type { Tracer } from '../telemetry.js'

export type FireTimer = (timer: StoredTimer) => Promise<void>

/**
 * Returns a function that sends a timer's event to its instance. It resolves when the event is committed or void, and
 * rejects with the reason if it failed.
 */
export function createTimerFiring(options: {
  readonly committer: Pick<Committer, 'submit'>
  /** Awaited first: see `Membership.ensure`. */
  readonly ensure: () => Promise<void> | undefined
  readonly clock: Clock
  readonly platform: Platform
  readonly tracer: Tracer | undefined
}): FireTimer {
  const { committer, ensure, clock, platform, tracer } = options

  return async timer => {
    const renewal = ensure()
    if (renewal !== undefined) await renewal.catch(refuseWork)
    const { instance, machine, sendId, generation, ordinal, event, dueAt } = timer
    const attributes = { instance, machine, event: event.type }
    const span = tracer?.begin('timer', { isRoot: true, attributes })
    const fired = new Promise<void>((settle, fail) => {
      committer.submit(instance, {
        kind: 'timer',
        uid: platform.uid(),
        actor: traced({ id: 'timer', role: 'system', sendId }, span),
        span,
        arrivedAt: platform.monotonicMs(),
        attempts: 0,
        event,
        dueAt,
        ordinal,
        gate: { sendId, generation },
        settle,
        fail,
      })
    })
    return span === undefined ? fired : ending(span, fired, () => ({ lateMs: clock.now() - dueAt }))
  }
}

/** A fault of this process is not counted against the timer. */
function refuseWork(reason: unknown): never {
  throw new OverloadedError('This process may not work now', 1, reason)
}
