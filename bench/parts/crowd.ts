/*
 * A crowd that wants one request: what B3's processes do, and the bench itself. As a process of its own (`crowdProcess`)
 * it has an engine, and takes its orders by messages.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { tally } from '../../demo/figures.js'

export interface Order {
  readonly id: string
  readonly prefix: string
  readonly contenders: number
}

export interface Report {
  /** Milliseconds since the epoch: comparable between processes of one machine. */
  readonly begunAt: number
  readonly endedAt: number
  readonly outcomes: readonly (readonly [outcome: string, count: number])[]
}

const now = () => performance.timeOrigin + performance.now()

/** Fires all of them at once and waits until each has been decided. */
export async function fireCrowd(
  accept: (id: string, name: string) => Promise<string>,
  { id, prefix, contenders }: Order,
): Promise<Report> {
  const begunAt = now()
  const outcomes = await Promise.all(
    Array.from({ length: contenders }, (_, i) => accept(id, `${prefix}-${i}`)),
  )
  return { begunAt, endedAt: now(), outcomes: [...tally(outcomes)] }
}

/** From the first that was fired to the last that was decided. */
export function elapsedMs(reports: readonly Report[]): number {
  return Math.max(...reports.map(r => r.endedAt)) - Math.min(...reports.map(r => r.begunAt))
}

export function countOf(reports: readonly Report[], outcome: string): number {
  return reports.flatMap(r => r.outcomes).reduce((sum, [name, n]) => (name === outcome ? sum + n : sum), 0)
}

export interface CrowdProcess {
  fire(order: Order): Promise<Report>
  end(): Promise<void>
}

export async function startCrowdProcess(connectionString: string): Promise<CrowdProcess> {
  const child = fork(new URL('crowd-process.ts', import.meta.url), [connectionString], {
    execArgv: ['--import', 'tsx'],
  })
  const ended = once(child, 'exit')
  const failed = ended.then(([code]) => {
    throw new Error(`a crowd's process ended with ${code}`)
  })
  failed.catch(() => {}) // its end is expected once it has been told to
  const answer = async () => (await Promise.race([once(child, 'message'), failed]))[0]
  await answer()
  return {
    async fire(order) {
      child.send(order)
      return (await answer()) as Report
    },
    async end() {
      child.disconnect()
      await ended
    },
  }
}
