import type { Exchange } from './exchange.js'
import type { RoomSize } from './room.js'

/**
 * Younger ones are left alone unless their address has more than the newcomer's: most clients are done by then, and evicting
 * them for others like them would help no one.
 */
const YOUNG_MS = 250
/** So large a part of what an address has is evicted at once: a search looks at the whole room. */
const PART = 8

interface Choice {
  readonly among: Iterable<Exchange>
  readonly stage: Exchange['stage']
  /** It is about to enter, or has just entered. */
  readonly newcomer: Exchange
  readonly most: RoomSize
  readonly trustedProxies: number
  readonly nowMs: number
}

/** The oldest exchanges of the address that fills the most of a room, if they are to make room for the newcomer. */
export function chooseToEvict({ among, stage, newcomer, most, trustedProxies, nowMs }: Choice): Exchange[] {
  const groups = new Map<string, { share: number; exchanges: Exchange[] }>()
  for (const exchange of among) {
    if (exchange.stage !== stage || exchange === newcomer) continue
    const address = exchange.address(trustedProxies)
    const group = groups.get(address) ?? { share: 0, exchanges: [] }
    groups.set(address, group)
    group.share += 1 / most.count + exchange.bytes / most.bytes
    group.exchanges.push(exchange)
  }
  let fullest: { share: number; exchanges: Exchange[] } | undefined
  for (const group of groups.values()) if (group.share > (fullest?.share ?? 0)) fullest = group
  if (fullest === undefined) return []
  const own = groups.get(newcomer.address(trustedProxies))?.share ?? 0
  const hasMore = fullest.share > 2 * (own + 1 / most.count)
  const old = fullest.exchanges
    .filter(({ sinceMs }) => hasMore || nowMs - sinceMs >= YOUNG_MS)
    .sort((a, b) => a.sinceMs - b.sinceMs)
  return old.slice(0, Math.ceil(fullest.exchanges.length / PART))
}
