/*
 * The queue of pushes. Every statement that changes several rows takes them in the order of their key, so that no two
 * of them deadlock. `= any(…)` bounds what a join reads, however it is planned (see commit-statement.ts).
 */
import type { Pool } from 'pg'
import type { PushQueue, PushSettlement } from '../../../dispatch/ports.js'
import { run } from '../connection/statement.js'
import { leased } from './pushes/leasing.js'
import { acknowledged, queued, redriven } from './pushes/queueing.js'
import { paused, settled, swept } from './pushes/settling.js'

export function createPushQueue(pool: Pool): PushQueue {
  return {
    async queue(pushes) {
      const envelopes = pushes.map(({ envelopeId, content, dueAt, endsAt }, n) => ({
        n,
        envelope_id: envelopeId,
        message: content,
        ends_at: endsAt,
        due_at: dueAt,
      }))
      const whom = pushes.flatMap(({ people }, n) => people.map(person => ({ n, person })))
      if (whom.length === 0) return
      await run(pool, queued, {
        envelopes: JSON.stringify(envelopes),
        numbers: whom.map(({ n }) => n),
        userIds: whom.map(({ person }) => person.id),
        roles: whom.map(({ person }) => person.role),
      })
    },
    async acknowledge(acknowledgements, now) {
      await run(pool, acknowledged, {
        envelopeIds: acknowledgements.map(({ envelopeId }) => envelopeId),
        userIds: acknowledgements.map(({ person }) => person.id),
        roles: acknowledgements.map(({ person }) => person.role),
        now,
      })
    },
    lease: values => run(pool, leased, values),
    async settle(settlements: readonly PushSettlement[], { now, leasedAt }) {
      await run(pool, settled, { settlements: JSON.stringify(settlements), now, leasedAt })
    },
    async pause(until) {
      await run(pool, paused, { until })
    },
    redrive: async id => (await run(pool, redriven, { id })).length === 1,
    sweep: async (before, limit) => (await run(pool, swept, { before, limit })).length,
  }
}
