import type { Engine } from '../../src/runtime/index.js'
import { createRequest, sendAccept } from '../engine.js'
import { inFlight, type Timed, timed } from '../measure.js'

const CREATES_AT_ONCE = 256
const TRUCKS = 2

export type FreshAccepts = Timed

/**
 * Creates `count` requests of two trucks, and then times one accept of each, with `atOnce` in flight. Throws unless all of
 * them win, since they do not compete.
 */
export async function acceptFresh(
  engine: Engine,
  prefix: string,
  count: number,
  atOnce: number,
): Promise<FreshAccepts> {
  const ids: string[] = []
  await inFlight(count, CREATES_AT_ONCE, async i => {
    ids[i] = await createRequest(engine, `${prefix}-${i}`, TRUCKS)
  })
  let won = 0
  const result = await timed(count, atOnce, async i => {
    if ((await sendAccept(engine, ids[i] ?? '', `${prefix}-${i}`)) === 'won') won += 1
  })
  if (won !== count) throw new Error(`${won} accepts of ${count} won, but without competition all must win`)
  return result
}
