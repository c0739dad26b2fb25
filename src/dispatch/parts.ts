/* What the product needs. The composition root provides it once. */
import type { Engine } from '../runtime/api.js'
import type { Caps } from './caps.js'
import type {
  AdminStore,
  AnswerStore,
  DeviceStore,
  Fanout,
  FleetStore,
  IdempotencyStore,
  Presence,
  ProductMeter,
  PushQueue,
  ReadStore,
  RecipientStore,
  ResumeStore,
} from './ports.js'

export interface DispatchSettings {
  readonly broadcastTimeoutMs: number
  /** Ascending, one to four of them. */
  readonly reachStepsKm: readonly number[]
  readonly reachStepMs: number
  readonly cancelWindowMs: number
  readonly transporterTtlMs: number
  readonly driverTtlMs: number
  /** How long delivered events are kept for clients that resume. */
  readonly eventRetentionMs: number
  /** How much one person may create. */
  readonly caps: Caps
  /** The maximum of drivers, with invited ones, and also of vehicles in one fleet. */
  readonly maxFleet: number
}

/** pino's logger fits. */
export interface DispatchLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Parts {
  readonly admin: AdminStore
  readonly answers: AnswerStore
  readonly fleet: FleetStore
  readonly recipients: RecipientStore
  readonly reads: ReadStore
  readonly presence: Presence
  readonly fanout: Fanout
  readonly keys: IdempotencyStore
  readonly resume: ResumeStore
  readonly devices: DeviceStore
  readonly pushes: PushQueue
  readonly settings: DispatchSettings
  readonly log: DispatchLog
  /** Absent if nothing is measured. */
  readonly meter?: ProductMeter
}

export interface PartsWithEngine extends Parts {
  readonly engine: Engine
}
