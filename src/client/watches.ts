/*
 * The requests that an app watches, sent to the server again after each connection. Each has its own point to resume
 * from, because events of others may have arrived after its own were last complete.
 */

import { defined } from '../types/defined.js'
import { noAnswer, type Problem } from './problem.js'

export type Watched = { readonly ok: true } | { readonly ok: false; readonly problem: Problem }
export type Say = (type: string, message: unknown) => Promise<Watched>

interface Watch {
  /** Absent: the server has never answered this watch, so nothing was missed. */
  after: string | undefined
  /** The server has answered on this connection, after all that was missed. */
  isComplete: boolean
  readonly waiting: ((answer: Watched) => void)[]
}

export interface Watches {
  /** Resolves when the server has answered, perhaps on a later connection. */
  watch(broadcastId: string): Promise<Watched>
  unwatch(broadcastId: string): Promise<void>
  connected(): Promise<void>
  /** `point`: the last event that was seen. */
  disconnected(point: string | undefined): void
  close(): void
}

const MILLISECONDS = 1_000

export function createWatches(say: Say, isConnected: () => boolean): Watches {
  const watches = new Map<string, Watch>()

  /** Retries until there is an answer or the connection is lost. The next connection sends it again. */
  async function tell(broadcastId: string, watch: Watch): Promise<void> {
    while (isConnected() && watches.get(broadcastId) === watch && !watch.isComplete) {
      const { after } = watch
      const answer = await say('watch', { broadcastId, ...defined({ after }) })
      if (!answer.ok) {
        const { code, retryAfterSeconds } = answer.problem
        if (code === 'NO_ANSWER') continue
        if (code === 'RATE_LIMITED' || code === 'UNAVAILABLE') {
          await new Promise(resolve => setTimeout(resolve, (retryAfterSeconds ?? 1) * MILLISECONDS))
          continue
        }
        watches.delete(broadcastId)
      }
      watch.isComplete = true
      for (const resolve of watch.waiting.splice(0)) resolve(answer)
    }
  }

  return {
    async watch(broadcastId) {
      const known = watches.get(broadcastId)
      if (known?.isComplete) return { ok: true }
      const watch = known ?? { after: undefined, isComplete: false, waiting: [] }
      watches.set(broadcastId, watch)
      const answered = new Promise<Watched>(resolve => watch.waiting.push(resolve))
      if (known === undefined) tell(broadcastId, watch)
      return answered
    },
    async unwatch(broadcastId) {
      const watch = watches.get(broadcastId)
      watches.delete(broadcastId)
      for (const resolve of watch?.waiting ?? []) resolve({ ok: true })
      if (isConnected()) await say('unwatch', { broadcastId })
    },
    async connected() {
      for (const [broadcastId, watch] of [...watches]) await tell(broadcastId, watch)
    },
    disconnected(point) {
      for (const watch of watches.values()) {
        if (watch.isComplete) watch.after = point
        watch.isComplete = false
      }
    },
    close() {
      for (const { waiting } of watches.values()) {
        for (const resolve of waiting) resolve({ ok: false, problem: noAnswer('The client was closed') })
      }
      watches.clear()
    },
  }
}
