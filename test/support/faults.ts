/* Fault points that a test stops work at: nothing is timed, the test says when it goes on. */
import type { FaultPoint, Faults } from '../../src/runtime/faults.js'

export interface Hold {
  /** Resolves when something has come to the point and waits there. */
  readonly reached: Promise<void>
  /** Lets it go on, and all that come later. */
  release(): void
}

export interface ControlledFaults {
  readonly faults: Faults
  /** Whatever comes to `point` from now on waits there. */
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
