/* A crowd of contenders for one request, fired from this process or from processes of their own. */
import { tally } from '../../demo/figures.js'
import { epochMs } from '../measure.js'
import { startWorker } from '../worker.js'

export interface Order {
  readonly id: string
  readonly prefix: string
  readonly contenders: number
}

export interface Report {
  /** Milliseconds since the epoch, comparable between processes of one machine. */
  readonly begunAt: number
  readonly endedAt: number
  readonly outcomes: readonly (readonly [outcome: string, count: number])[]
}

/** Fires all of them at once and waits until each has been decided. */
export async function fireCrowd(
  accept: (id: string, name: string) => Promise<string>,
  { id, prefix, contenders }: Order,
): Promise<Report> {
  const begunAt = epochMs()
  const outcomes = await Promise.all(
    Array.from({ length: contenders }, (_, i) => accept(id, `${prefix}-${i}`)),
  )
  return { begunAt, endedAt: epochMs(), outcomes: [...tally(outcomes)] }
}

/** Milliseconds from the first call to the last decision. */
export function elapsedMs(reports: readonly Report[]): number {
  return Math.max(...reports.map(r => r.endedAt)) - Math.min(...reports.map(r => r.begunAt))
}

export function countOf(reports: readonly Report[], outcome: string): number {
  return reports.flatMap(r => r.outcomes).reduce((sum, [name, n]) => (name === outcome ? sum + n : sum), 0)
}

/** Starts a process that fires crowds from its own engine. */
export const startCrowdProcess = (connectionString: string) =>
  startWorker<Order, Report>(new URL('crowd-process.ts', import.meta.url), [connectionString])
