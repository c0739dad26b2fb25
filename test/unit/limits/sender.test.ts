import { describe, expect, test } from '@jest/globals'
import { addressOf } from '../../../src/dispatch/auth/sender.js'

const from = (remoteAddress: string | undefined, forwardedFor?: string, trustedProxies = 0) =>
  addressOf({ remoteAddress, forwardedFor }, trustedProxies)

describe('the address of a caller', () => {
  test('is that of the connection if none of the proxies is ours, whatever the header says', () => {
    expect(from('203.0.113.7')).toBe('203.0.113.7')
    expect(from('203.0.113.7', '198.51.100.1, 10.0.0.1')).toBe('203.0.113.7')
  })

  test.each([
    ['behind a balancer: what it appended', '1.1.1.1, 198.51.100.1', 1, '198.51.100.1'],
    ['behind two proxies: what the outer one appended', '1.1.1.1, 198.51.100.1, 10.0.0.9', 2, '198.51.100.1'],
    ['with a port', '198.51.100.1:4711', 1, '198.51.100.1'],
    ['with the port of an IPv6 address', '[2001:db8::1]:4711', 1, '2001:db8:0:0::/64'],
    ['empty entries do not count', ' , 198.51.100.1 , ', 1, '198.51.100.1'],
  ])('%s', (_what, header, proxies, expected) => {
    expect(from('10.0.0.5', header, proxies)).toBe(expected)
  })

  test.each([
    ['it came past the proxies', undefined, 1],
    ['it came through fewer proxies than there are', '198.51.100.1', 2],
    ['the entry is no address', 'unknown', 1],
    ['the entry is a script', '<script>', 1],
  ])('is that of the connection when %s', (_what, header, proxies) => {
    expect(from('10.0.0.5', header, proxies)).toBe('10.0.0.5')
  })

  test('of IPv6 is the network, because one subscriber has all of it', () => {
    expect(from('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(from('2001:DB8:1:2::ffff')).toBe(from('2001:db8:1:2:3::'))
    expect(from('2001:db8:1:3::1')).not.toBe(from('2001:db8:1:2::1'))
    expect(from('::1')).toBe('0:0:0:0::/64')
    expect(from('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
  })

  test('is the same whether IPv4 came as itself or mapped into IPv6', () => {
    expect(from('::ffff:203.0.113.7')).toBe(from('203.0.113.7'))
  })

  test('exists even if the connection has none', () => {
    expect(from(undefined)).toBe('unknown')
  })
})
