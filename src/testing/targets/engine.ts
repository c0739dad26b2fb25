/* The engine on the store in memory, in virtual time, where nothing goes wrong but what the schedule says. */
import { type SimulationTarget, simulationTarget } from '../simulation/target.js'

/** Everything that a simulation would leave to chance is off: messages arrive, and every clock is right. */
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
