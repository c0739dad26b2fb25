/**
 * SQL that makes a UUIDv7 from an expression for a time. Postgres has a function for it only from version 18 on, and the
 * benchmark also runs on 15. The first 48 bits of a random UUID, which has version 4, become the milliseconds, and two
 * more bits make the version 7 (RFC 9562 §5.7).
 */
export const uuidAt = (time: string) =>
  `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
     placing substring(int8send((extract(epoch from ${time}) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid`
