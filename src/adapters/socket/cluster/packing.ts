/*
 * Compresses large messages between processes: one offer names thousands of rooms. Most ids are UUIDs. They are sent as
 * 16 bytes each, because they do not compress; the repetitive rest is deflated. 1,000 rooms named by UUIDs take 43 KB
 * as text, 22 KB deflated and 16.5 KB this way.
 *
 * Format: a 0 byte, the length of the deflated text (4 bytes), the deflated text, the bytes of its UUIDs in order.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** A smaller message is a single network packet anyway, so compressing it gains nothing. */
const PACK_FROM_BYTES = 2_048
/** Unpacked messages begin with `{` or with the tag of a MessagePack array, never with this byte. */
const PACKED = 0
const HEADER_BYTES = 5
/** The fastest level. Without the UUIDs, higher levels gain almost nothing. */
const LEVEL = 1
/** Protects the memory. Our own messages are smaller, so a larger one is not ours. */
const MAX_UNPACKED_BYTES = 16 * 1_048_576

/** An encoding in which every byte is one character, so the bytes survive. */
const BYTES = 'latin1'
const UUID_BYTES = 16
/** Marks the position of a UUID. A mark in the text itself is escaped. */
const MARK = '\x01'
const A_UUID = `${MARK}u`
const A_MARK = `${MARK}m`
const toPack = new RegExp(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|${MARK}`, 'g')
const toUnpack = new RegExp(`${MARK}[um]`, 'g')

export function pack(message: string | Buffer): string | Buffer {
  if (message.length < PACK_FROM_BYTES) return message
  const uuids: string[] = []
  const text = Buffer.from(message as string)
    .toString(BYTES)
    .replace(toPack, found => {
      if (found === MARK) return A_MARK
      uuids.push(found)
      return A_UUID
    })
  const deflated = deflateRawSync(Buffer.from(text, BYTES), { level: LEVEL })
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(PACKED, 0)
  header.writeUInt32BE(deflated.length, 1)
  return Buffer.concat([header, deflated, Buffer.from(uuids.join('').replaceAll('-', ''), 'hex')])
}

/** The original message. Throws if the message was not written by `pack`. */
export function unpack(message: Buffer): Buffer {
  if (message[0] !== PACKED) return message
  const end = HEADER_BYTES + message.readUInt32BE(1)
  const text = inflateRawSync(message.subarray(HEADER_BYTES, end), { maxOutputLength: MAX_UNPACKED_BYTES })
  const hex = message.subarray(end).toString('hex')
  let at = 0
  const unpacked = text.toString(BYTES).replace(toUnpack, found => {
    if (found === A_MARK) return MARK
    const uuid = hex.slice(at, at + 2 * UUID_BYTES)
    if (uuid.length < 2 * UUID_BYTES) throw new Error('A message of the cluster lacks UUIDs')
    at += 2 * UUID_BYTES
    return `${uuid.slice(0, 8)}-${uuid.slice(8, 12)}-${uuid.slice(12, 16)}-${uuid.slice(16, 20)}-${uuid.slice(20)}`
  })
  return Buffer.from(unpacked, BYTES)
}
