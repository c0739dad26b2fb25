/*
 * The race kit, `loadcast/testing`. It races any machine that the runtime can make durable, and the machine itself is the
 * judge. docs/TESTING.md teaches it in five minutes.
 */
export { type CheckOptions, check, type Verdict } from './check/check.js'
export { formatViolation, type Rule, type Violation } from './check/violation.js'
export { type CommandsModel, type CommandsSystem, raceCommands, raceSetup } from './commands.js'
export {
  type Drift,
  findDrift,
  type Golden,
  GoldenError,
  type GoldenShape,
  goldenOf,
  parseGolden,
  shapeOf,
} from './drift/index.js'
export {
  type Delivery,
  type History,
  HistoryError,
  type Operation,
  type OperationOutcome,
  parseHistory,
} from './history.js'
export { MemoryDatabase } from './memory/database.js'
export { createMemoryStore } from './memory/store.js'
export {
  type Aftermath,
  type Answer,
  type Create,
  type Question,
  type Read,
  type Run,
  replay,
  type Send,
  type Session,
  type Target,
} from './run.js'
export { type ScheduleOptions, schedules } from './schedule/arbitrary.js'
export {
  formatSchedule,
  parseSchedule,
  type Schedule,
  ScheduleError,
  type ScheduleStep,
} from './schedule/schedule.js'
export type { Alterations } from './simulation/process.js'
export {
  type Campaign,
  type CampaignOptions,
  type Failure,
  formatFailure,
  type SimulatedRun,
  simulate,
  simulateSchedule,
} from './simulation/simulate.js'
export { type SimulationOptions, type SimulationTarget, simulationTarget } from './simulation/target.js'
export { type TraceEntry, traceMermaid } from './simulation/trace.js'
export { DEFAULT_MISHAPS, type Mishaps } from './simulation/world.js'
export type { Subject } from './subject.js'
export { virtualEngineTarget } from './targets/engine.js'
export { pureTarget } from './targets/pure.js'
export { type StoresTargetOptions, storesTarget } from './targets/stores.js'
export { TargetError, type UrlTargetOptions, urlTarget } from './targets/url.js'
