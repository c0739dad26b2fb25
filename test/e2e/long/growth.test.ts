/*
 * A day at the advised caps, in a minute: the pages that a hostile customer's requests and keys take on disk, dead rows and
 * indexes included. The short form (integration/growth) counts what is stored in them.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ADVISED_CAPS } from '../../../src/app/settings/caps.js'
import { keyMegabytesOf, readDocument } from '../../support/growth/document.js'
import { type Growth, growth } from '../../support/growth/hostile.js'
import { attack, openTheatre, type Theatre } from '../../support/growth/run.js'

const CREATES = ADVISED_CAPS.CREATES_PER_DAY
const KEYS = ADVISED_CAPS.IDEMPOTENCY_KEYS_PER_DAY
/** Pages are not full, and the row of before each update stays until it is vacuumed. */
const PAGES = 2

let theatre: Theatre
beforeAll(async () => {
  const many = { cancels: CREATES, releases: 10, trips: 2_000, actions: 1_000, fleet: 1_000 }
  theatre = await openTheatre({ ...many, creates: CREATES, keys: KEYS })
})
afterAll(() => theatre.close())

const bytes = async () => {
  await theatre.app.query('vacuum')
  const [row] = await theatre.app.query<{ size: number }>(
    'select pg_database_size(current_database())::float8 as size',
  )
  return row?.size ?? 0
}

test('R11.4 a day of requests and keys takes the documented disk space', async () => {
  const stated = readDocument().get('createBroadcast')
  if (stated === undefined) throw new Error('docs/GROWTH.md has no row of createBroadcast')
  const before = await bytes()
  const grown = await attack(theatre, 'createBroadcast', growth.createBroadcast as Growth, CREATES + 10)
  expect(grown.instances?.rows).toBe(CREATES)
  const megabytes = ((await bytes()) - before) / 1e6
  const keys = keyMegabytesOf(stated.keyKilobytes ?? 0, CREATES)
  process.stderr.write(
    `a day of requests took ${megabytes.toFixed(0)} MB, ${stated.megabytes + keys} MB stated\n`,
  )
  expect(megabytes).toBeLessThan((stated.megabytes + keys) * PAGES)
})
