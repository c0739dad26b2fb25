/* What a balancer does: asks each process how it is, and leads new connections only to those that say they are well. */
import { setTimeout as delay } from 'node:timers/promises'
import { type RoughNetwork, startRoughNetwork } from '../network/rough-network.js'

/** More often than a real one, which waits for several bad answers; a process that ends gives notice for a second. */
const LOOK_EVERY_MS = 100
const PATIENCE_MS = 2_000

export interface Balancer {
  readonly url: string
  /** How often a process was taken out since it said so itself. */
  readonly takenOut: number
  close(): Promise<void>
}

/** `targets`: those that are there now, asked at each look. Resolves once all of these are well. */
export async function startBalancer(targets: () => readonly string[]): Promise<Balancer> {
  const network: RoughNetwork = await startRoughNetwork(targets())
  const drained = new Set<string>()
  let isOver = false

  async function look(): Promise<void> {
    const urls = targets()
    const isWell = await Promise.all(
      urls.map(async url => {
        try {
          const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(PATIENCE_MS) })
          const report = (await answer.json()) as { draining?: true }
          if (answer.status === 503 && report.draining === true) drained.add(url)
          return answer.status === 200
        } catch {
          return false
        }
      }),
    )
    const well = urls.filter((_, i) => isWell[i])
    // As real ones do: when nobody is well, everybody is tried.
    network.lead(well.length === 0 ? urls : well)
  }

  await look()
  const looking = (async () => {
    while (!isOver) {
      await delay(LOOK_EVERY_MS)
      await look()
    }
  })()
  return {
    url: network.url,
    get takenOut() {
      return drained.size
    },
    async close() {
      isOver = true
      await looking
      await network.close()
    },
  }
}
