/* Fault points at which a test stops work. Nothing depends on time: the test says when the work continues. */
import type { FaultPoint, Faults } from '../../../src/runtime/faults.js'

export interface Hold {
  /** Resolves when some work has reached the point and waits there. */
  readonly reached: Promise<void>
  /** Lets it continue, together with all work that reaches the point later. */
  release(): void
}

export interface ControlledFaults {
  readonly faults: Faults
  /** Stops all work that reaches `point` from now on. */
  hold(point: FaultPoint): Hold
}

export function controlledFaults(): ControlledFaults {
  const holds = new Map<FaultPoint, { arrive(): void; readonly released: Promise<void> }>()
  return {
    faults(point) {
      const hold = holds.get(point)
      hold?.arrive()
      return hold?.released
    },
    hold(point) {
      let arrive = () => {}
      let release = () => {}
      const reached = new Promise<void>(resolve => {
        arrive = resolve
      })
      const released = new Promise<void>(resolve => {
        release = resolve
      })
      const hold = { arrive, released }
      holds.set(point, hold)
      return {
        reached,
        release() {
          if (holds.get(point) === hold) holds.delete(point)
          release()
        },
      }
    },
  }
}
