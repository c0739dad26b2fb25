/*
 * Finds the address of a caller. Each proxy appends the address that called it to `X-Forwarded-For`. Entries before
 * those of our own proxies were written by the caller and may be false. So the address is counted from the right, by
 * the number of our proxies.
 */
import { isIP } from 'node:net'
import type { Sender } from '../ports.js'

/** Stands for callers without an address. They share one limit. */
const UNKNOWN = 'unknown'

/** The address that limits count a caller by. Of IPv6 it is the /64 network, because one subscriber has all of it. */
export function addressOf({ remoteAddress, forwardedFor }: Sender, trustedProxies: number): string {
  const hops = trustedProxies === 0 ? [] : (forwardedFor ?? '').split(',').map(hop => hop.trim())
  const named = hops.filter(hop => hop !== '')
  // With fewer entries than proxies, the request did not pass through all of them, and no entry can be trusted.
  const claimed = named.length < trustedProxies ? undefined : named.at(-trustedProxies)
  return network(withoutPort(claimed ?? remoteAddress ?? '')) ?? network(remoteAddress ?? '') ?? UNKNOWN
}

/** Some proxies add the port. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
}

function network(address: string): string | undefined {
  const family = isIP(address)
  if (family === 4) return address
  if (family !== 6) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  // A URL normalizes the spelling. The zone of a link-local address is not part of the network.
  const [bare = ''] = address.split('%')
  const [head = '', tail] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}
