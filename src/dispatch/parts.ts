/* What the product is made of: given once, by the composition root. */
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
  /** Ascending, one to four. */
  readonly reachStepsKm: readonly number[]
  readonly reachStepMs: number
  readonly cancelWindowMs: number
  readonly transporterTtlMs: number
  readonly driverTtlMs: number
  /** How long delivered events are kept for those who come back. */
  readonly eventRetentionMs: number
  /** What one person may make. */
  readonly caps: Caps
  /** Drivers of one fleet, with those invited, and vehicles of one fleet: so many of each. */
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
  /** Absent: nobody watches. */
  readonly meter?: ProductMeter
}

export interface PartsWithEngine extends Parts {
  readonly engine: Engine
}
