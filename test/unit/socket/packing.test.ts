import { randomUUID } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pack, unpack } from '../../../src/adapters/socket/cluster/packing.js'

const both = (message: Buffer) => unpack(Buffer.from(pack(message) as Buffer))

describe('messages between processes', () => {
  test('arrive unchanged, whatever they are', () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }).map(bytes => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 500 }).map(text => Buffer.from(text)),
      fc.uuid().map(id => Buffer.from(id)),
      fc.uuid().map(id => Buffer.from(id.toUpperCase())),
      // What stands for a UUID in the packed text, and half a UUID.
      fc
        .constantFrom('\u0001', '\u0001u', '\u0001m', '\u0001\u0001u', '01890a5d-ac96-774b')
        .map(text => Buffer.from(text)),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.integer({ min: 0, max: 3_000 }), (parts, filling) => {
        const message = Buffer.concat([Buffer.from('{'), ...parts, Buffer.alloc(filling, 'x')])
        expect(both(message).equals(message)).toBe(true)
      }),
    )
  })

  test('are sent unpacked if they are small, text as text', () => {
    expect(pack('{"uid":1}')).toBe('{"uid":1}')
    const text = `{"rooms":"${'é'.repeat(3_000)}"}`
    expect(unpack(pack(text) as Buffer).toString()).toBe(text)
  })

  test('take little more for a UUID than its bytes', () => {
    const rooms = Array.from({ length: 1_000 }, () => `person:transporter:${randomUUID()}`)
    const packed = pack(JSON.stringify(rooms))
    expect(packed.length).toBeLessThan(1_000 * 16.5)
  })

  test('are refused if they only look packed', () => {
    for (const bytes of [[0], [0, 0, 0, 0], [0, 0, 0, 0, 9, 1, 2, 3], [0, 255, 255, 255, 255, 1]]) {
      expect(() => unpack(Buffer.from(bytes))).toThrow()
    }
    const lacking = deflateRawSync(Buffer.from('\u0001u'))
    expect(() => unpack(Buffer.concat([Buffer.of(0, 0, 0, 0, lacking.length), lacking]))).toThrow('UUIDs')
    const bomb = deflateRawSync(Buffer.alloc(17 * 1_048_576))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bomb.length)
    expect(() => unpack(Buffer.concat([Buffer.of(0), length, bomb]))).toThrow()
  })
})
