import { describe, expect, jest, test } from '@jest/globals'
import { atExpiry } from '../../../src/adapters/socket/expiry.js'
import { chunkRooms } from '../../../src/adapters/socket/fanout.js'

describe('an expiry', () => {
  test('beyond the longest timer of Node comes when it is due, not at once', () => {
    jest.useFakeTimers({ now: 0 })
    try {
      const expire = jest.fn()
      const day = 86_400_000
      atExpiry(60 * day, expire)
      jest.advanceTimersByTime(60 * day - 1)
      expect(expire).not.toHaveBeenCalled()
      jest.advanceTimersByTime(1)
      expect(expire).toHaveBeenCalledTimes(1)
    } finally {
      jest.useRealTimers()
    }
  })

  test('can be cancelled', () => {
    jest.useFakeTimers({ now: 0 })
    try {
      const expire = jest.fn()
      atExpiry(1_000, expire)()
      jest.advanceTimersByTime(5_000)
      expect(expire).not.toHaveBeenCalled()
    } finally {
      jest.useRealTimers()
    }
  })
})

describe('the rooms of one emit', () => {
  const users = (count: number) => Array.from({ length: count }, (_, i) => `person:driver:u${i}`)

  test('are one emit if they are few', () => {
    expect(chunkRooms(['person:driver:a', 'broadcast:b'], 500)).toEqual([
      { to: ['broadcast:b', 'person:driver:a'], except: [] },
    ])
    expect(chunkRooms([], 500)).toEqual([])
  })

  test('are as few emits as the bound allows if they are many, and every room is in exactly one', () => {
    const chunks = chunkRooms(users(1_201), 500)
    expect(chunks.map(chunk => chunk.to.length)).toEqual([500, 500, 201])
    expect(new Set(chunks.flatMap(chunk => chunk.to)).size).toBe(1_201)
  })

  test('leave a socket of a shared room of an earlier chunk out of the later ones', () => {
    const chunks = chunkRooms([...users(3), 'broadcast:b'], 2)
    expect(chunks).toEqual([
      { to: ['broadcast:b', 'person:driver:u0'], except: [] },
      { to: ['person:driver:u1', 'person:driver:u2'], except: ['broadcast:b'] },
    ])
  })
})
