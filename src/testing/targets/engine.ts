/* The engine on the store in memory, in virtual time. Only what the schedule says goes wrong. */
import { type SimulationTarget, simulationTarget } from '../simulation/target.js'

/** All random faults of a simulation are off: messages arrive, and every clock is right. */
export function virtualEngineTarget(): SimulationTarget {
  return simulationTarget({
    name: 'the engine in memory',
    mishaps: {
      lost: 0,
      unanswered: 0,
      late: 0,
      slow: 0,
      subscriberFails: 0,
      wakeUpLost: 0,
      clockSkewMs: 0,
    },
  })
}
