/*
 * Large messages between processes travel packed: an offer names thousands of rooms. UUIDs, which most ids are,
 * go as their 16 bytes, which nothing can shorten; what is left repeats itself, and is deflated. 1,000 rooms named
 * by UUIDs are 43 KB as they are, 22 KB deflated, 16.5 KB so.
 *
 * A packed message: 0, the length of the deflated text (4 bytes), that text, the bytes of its UUIDs in order.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** Below this it is one packet on the network anyway, and not worth the time. */
const PACK_FROM_BYTES = 2_048
/** What an adapter sends begins with `{` or as an array of MessagePack, never so. */
const PACKED = 0
const HEADER_BYTES = 5
/** The fastest: on what is left once the UUIDs are out, slower ones gain nothing worth having. */
const LEVEL = 1
/** A message is what we packed ourselves; what claims to be larger than any of ours is not. */
const MAX_UNPACKED_BYTES = 16 * 1_048_576

/** Every byte is a character in this encoding, and comes back as it was. */
const BYTES = 'latin1'
const UUID_BYTES = 16
/** Stands for the next UUID; the mark itself, where it is in the text, is written differently. */
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

/** Throws for what is no message of ours. */
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
