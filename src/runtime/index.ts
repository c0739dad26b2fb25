/* The durable engine for any machine: `loadcast/runtime`. Inside this repository it is imported file by file. */
export type { Command } from './api.js'
export {
  type AuditedInstance,
  type AuditStore,
  audit,
  type ProductInvariants,
  type Violation,
} from './audit.js'
export type { Clock, SyncedClock } from './clock.js'
export { ClockSkewError, createClock } from './clock.js'
export type { DeadDelivery, DeadLetter, DeadTimer } from './dead-letters.js'
export {
  type ColumnType,
  type Definition,
  type Migration,
  migrateFrom,
  type Projection,
  type Refusal,
  type Stamp,
  type StampedEvent,
  type StoredState,
} from './definition.js'
export type { Fault } from './definitions/checks/fault.js'
export type { StoredHistory } from './definitions/history-value.js'
export type { EngineOptions } from './engine.js'
export {
  DefinitionError,
  InvalidEventError,
  OverloadedError,
  StoreUnavailableError,
  UnknownInstanceError,
} from './errors.js'
export type { Store, StoredInstance, Wakeups } from './ports.js'
export {
  type AskOptions,
  type CreateResult,
  createEngine,
  type Engine,
  type SendResult,
} from './public-engine.js'
export type { Actor, EmittedEvent, Instance, JournalEntry, Subscriber } from './types.js'
