/* Dispatch as in production, but without HTTP and sockets: a real engine, a real Postgres, and a fan-out that records. */
import pg from 'pg'
import { createMemoryPresence } from '../../../src/adapters/memory/presence.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { createAdminStore } from '../../../src/adapters/postgres/product/admin-store.js'
import { createAnswerStore } from '../../../src/adapters/postgres/product/answer-store.js'
import { createDeviceStore } from '../../../src/adapters/postgres/product/device-store.js'
import { createFleetStore } from '../../../src/adapters/postgres/product/fleet-store.js'
import { createIdempotencyStore } from '../../../src/adapters/postgres/product/idempotency-store.js'
import { createPushQueue } from '../../../src/adapters/postgres/product/push-queue.js'
import { createReadStore } from '../../../src/adapters/postgres/product/read-store.js'
import { createRecipientStore } from '../../../src/adapters/postgres/product/recipient-store.js'
import { createResumeStore } from '../../../src/adapters/postgres/product/resume-store.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import { NO_CAPS } from '../../../src/dispatch/caps.js'
import { createDispatch } from '../../../src/dispatch/dispatch.js'
import type { DispatchLog, DispatchSettings } from '../../../src/dispatch/parts.js'
import type {
  AdminStore,
  DeviceStore,
  FleetStore,
  Presence,
  PushQueue,
  PushSender,
  ReadStore,
  RecipientStore,
} from '../../../src/dispatch/ports.js'
import { broadcastDefinition } from '../../../src/machines/index.js'
import type { Engine } from '../../../src/runtime/api.js'
import { createEngine } from '../../../src/runtime/engine.js'
import type { Subscriber } from '../../../src/runtime/types.js'
import { type RecordingFanout, recordingFanout } from '../server/recording-fanout.js'
import { recordingPush } from '../server/recording-push.js'

const MINUTE_MS = 60_000

/** No timer fires unless a test wants it. */
const quietSettings: DispatchSettings = {
  broadcastTimeoutMs: 10 * MINUTE_MS,
  reachStepsKm: [10, 25, 50, 75],
  reachStepMs: MINUTE_MS,
  cancelWindowMs: 5 * MINUTE_MS,
  transporterTtlMs: 2 * MINUTE_MS,
  driverTtlMs: MINUTE_MS,
  eventRetentionMs: 24 * 60 * MINUTE_MS,
  caps: NO_CAPS,
  maxFleet: 1_000,
}

export interface Product {
  readonly dispatch: Dispatch
  readonly engine: Engine
  readonly subscribers: readonly Subscriber[]
  readonly fleet: FleetStore
  readonly admin: AdminStore
  readonly recipients: RecipientStore
  readonly reads: ReadStore
  readonly presence: Presence
  readonly devices: DeviceStore
  readonly pushes: PushQueue
  readonly fanout: RecordingFanout
  readonly sql: pg.Pool
  /** Moves only the clock of presence. */
  passTime(ms: number): void
  startSweeps(): void
  /** Redelivers the events of the last `forMs` milliseconds. */
  redeliver(forMs: number): void
  /** Waits for catch-ups and for news about drivers. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** A log that fails the test: no warning is expected here. */
const strictLog: DispatchLog = {
  warn: (fields, message) => {
    if (message.endsWith(': redelivered')) return
    throw new Error(message, { cause: fields })
  },
  error: (fields, message) => {
    throw new Error(message, { cause: fields })
  },
}

/** `given.presence` replaces the one in the process. The caller then moves its time and closes it. */
export function openDispatch(
  connectionString: string,
  settings: Partial<DispatchSettings> = {},
  given: { readonly presence?: Presence; readonly pushSender?: PushSender } = {},
): Product {
  const sql = new pg.Pool({ connectionString, max: 10 })
  const store = createPostgresStore({ connectionString })
  const allSettings = { ...quietSettings, ...settings }
  let presenceTime = Date.now()
  const parts = {
    fleet: createFleetStore(sql),
    keys: createIdempotencyStore(sql, { perDay: allSettings.caps.idempotencyKeysPerDay }),
    admin: createAdminStore(sql),
    answers: createAnswerStore(sql),
    recipients: createRecipientStore(sql),
    reads: createReadStore(sql),
    resume: createResumeStore(sql),
    presence: given.presence ?? createMemoryPresence({ ...allSettings, now: () => presenceTime }),
    devices: createDeviceStore(sql),
    pushes: createPushQueue(sql),
    fanout: recordingFanout(),
  }
  let subscribers: readonly Subscriber[] = []
  const product = createDispatch({
    ...parts,
    settings: allSettings,
    pushSender: given.pushSender ?? recordingPush(),
    log: strictLog,
    createEngine(its) {
      subscribers = its
      return createEngine({ store, definitions: [broadcastDefinition], subscribers })
    },
  })
  return {
    ...parts,
    sql,
    dispatch: product.dispatch,
    engine: product.engine,
    subscribers,
    passTime(ms) {
      presenceTime += ms
    },
    startSweeps: product.startSweeps,
    redeliver: product.redeliver,
    settled: product.idle,
    async close() {
      await product.close()
      await store.close()
      await sql.end()
    },
  }
}
