/*
 * Who is at the other end, as far as addresses tell. A proxy appends to `X-Forwarded-For` the address it was called
 * from; anything left of what our own proxies have written was written by the caller, and may be a lie. So it is counted
 * from the right, by the number of proxies that are ours.
 */
import { isIP } from 'node:net'
import type { Sender } from '../ports.js'

/** Stands for whatever has no address: such share one limit. */
const UNKNOWN = 'unknown'

/** The caller's address, by which it is counted: of IPv6 the network, /64, for whoever has one address has all of it. */
export function addressOf({ remoteAddress, forwardedFor }: Sender, trustedProxies: number): string {
  const hops = trustedProxies === 0 ? [] : (forwardedFor ?? '').split(',').map(hop => hop.trim())
  const named = hops.filter(hop => hop !== '')
  // Fewer entries than proxies: it did not come through all of them, so what there is, nobody of ours has checked.
  const claimed = named.length < trustedProxies ? undefined : named.at(-trustedProxies)
  return network(withoutPort(claimed ?? remoteAddress ?? '')) ?? network(remoteAddress ?? '') ?? UNKNOWN
}

/** Some proxies write the port too. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
}

function network(address: string): string | undefined {
  const family = isIP(address)
  if (family === 4) return address
  if (family !== 6) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  // A URL writes it in one way, whichever way it came; the zone of a link-local one is no part of the network.
  const [bare = ''] = address.split('%')
  const [head = '', tail] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}
