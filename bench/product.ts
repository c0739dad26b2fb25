/* Dispatch on a real engine and a real Postgres, in this process, without HTTP and sockets. It is built as in src/app/app.ts. */
import type pg from 'pg'
import { pino } from 'pino'
import { createMemoryPresence } from '../src/adapters/memory/presence.js'
import { createLookupPool } from '../src/adapters/postgres/connection/query-pool.js'
import { createPostgresStore } from '../src/adapters/postgres/engine/store.js'
import { createAdminStore } from '../src/adapters/postgres/product/admin-store.js'
import { createAnswerStore } from '../src/adapters/postgres/product/answer-store.js'
import { createDeviceStore } from '../src/adapters/postgres/product/device-store.js'
import { createFleetStore } from '../src/adapters/postgres/product/fleet-store.js'
import { createIdempotencyStore } from '../src/adapters/postgres/product/idempotency-store.js'
import { createPushQueue } from '../src/adapters/postgres/product/push-queue.js'
import { createReadStore } from '../src/adapters/postgres/product/read-store.js'
import { createRecipientStore } from '../src/adapters/postgres/product/recipient-store.js'
import { createResumeStore } from '../src/adapters/postgres/product/resume-store.js'
import { createLoggedPush } from '../src/adapters/push/logged.js'
import type { Dispatch } from '../src/dispatch/api.js'
import { NO_CAPS } from '../src/dispatch/caps.js'
import { createDispatch } from '../src/dispatch/dispatch.js'
import type { Fanout } from '../src/dispatch/ports.js'
import { broadcastDefinition } from '../src/machines/index.js'
import type { Engine } from '../src/runtime/api.js'
import { createEngine } from '../src/runtime/engine.js'

const HOUR_MS = 3_600_000

/** Long times, so that nothing comes due during a measurement. */
const SETTINGS = {
  broadcastTimeoutMs: HOUR_MS,
  reachStepsKm: [10],
  reachStepMs: HOUR_MS,
  cancelWindowMs: HOUR_MS,
  transporterTtlMs: HOUR_MS,
  driverTtlMs: HOUR_MS,
  eventRetentionMs: 24 * HOUR_MS,
  caps: NO_CAPS,
  maxFleet: 10_000,
}

export interface Product {
  readonly dispatch: Dispatch
  readonly engine: Engine
  close(): Promise<void>
}

/** `fanout` receives the events for sockets; by default they go nowhere. The engine is not started. */
export function openProduct(
  connectionString: string,
  pool: pg.Pool,
  fanout: Fanout = { emit() {}, disconnectPerson() {}, endSessions() {} },
): Product {
  const store = createPostgresStore({ connectionString })
  const lookups = createLookupPool(connectionString, { warn() {} })
  const product = createDispatch({
    admin: createAdminStore(pool),
    answers: createAnswerStore(pool),
    fleet: createFleetStore(pool, lookups),
    keys: createIdempotencyStore(pool),
    recipients: createRecipientStore(pool, lookups),
    reads: createReadStore(pool, lookups),
    resume: createResumeStore(pool),
    devices: createDeviceStore(pool),
    pushes: createPushQueue(pool),
    pushSender: createLoggedPush(pino({ level: 'silent' })),
    presence: createMemoryPresence(SETTINGS),
    fanout,
    settings: SETTINGS,
    log: { warn() {}, error: (fields, message) => console.error(message, fields) },
    createEngine: subscribers => createEngine({ store, definitions: [broadcastDefinition], subscribers }),
  })
  return {
    dispatch: product.dispatch,
    engine: product.engine,
    async close() {
      await product.close()
      await store.close()
      await lookups.end()
    },
  }
}
