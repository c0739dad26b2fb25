import type { Exchange } from './exchange.js'
import type { RoomSize } from './room.js'

/**
 * Younger exchanges are spared unless their address holds more than the newcomer's. Most clients finish within this, so
 * evicting one for another like it would not help.
 */
const YOUNG_MS = 250
/** This share of an address is evicted at once, because each search scans the whole room. */
const PART = 8

interface Choice {
  readonly among: Iterable<Exchange>
  readonly stage: Exchange['stage']
  /** The exchange that is about to enter, or has just entered. */
  readonly newcomer: Exchange
  readonly most: RoomSize
  readonly trustedProxies: number
  readonly nowMs: number
}

/**
 * The oldest exchanges of the address that fills most of the room, or none if they should not make room for the
 * newcomer.
 */
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
