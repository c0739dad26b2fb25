/* Chooses histories that are worth keeping: each shows decisions that the earlier ones do not show. */
import fc from 'fast-check'
import type { JournalEntry } from '../src/runtime/types.js'
import { type Golden, goldenOf, pureTarget, replay, type Subject, schedules } from '../src/testing/index.js'

/** After this many schedules, further ones show hardly anything new. */
const TRIED = 400
const SEED = 1
/** People can still read a dozen files. */
const MAX_KEPT = 12

/** Deterministic: the same definition gives the same histories. */
export async function recordGoldens(subject: Subject): Promise<Golden[]> {
  const all: { readonly golden: Golden; readonly shows: ReadonlySet<string> }[] = []
  for (const schedule of fc.sample(schedules(subject, { crashes: false }), { seed: SEED, numRuns: TRIED })) {
    const { history } = await replay(pureTarget(), subject, schedule)
    for (const journal of Object.values(history.journals ?? {})) {
      const golden = goldenOf(subject.definition, journal as readonly JournalEntry[])
      all.push({ golden, shows: decisionsOf(golden) })
    }
  }
  const kept: Golden[] = []
  const seen = new Set<string>()
  while (kept.length < MAX_KEPT) {
    const news = (shows: ReadonlySet<string>) => [...shows].filter(one => !seen.has(one)).length
    const best = all.reduce((a, b) => (news(b.shows) > news(a.shows) ? b : a))
    if (news(best.shows) === 0) break
    for (const one of best.shows) seen.add(one)
    kept.push(best.golden)
  }
  return kept
}

/** Each decision: the state, the event and the state after it. */
function decisionsOf({ entries }: Golden): ReadonlySet<string> {
  const value = (i: number) => JSON.stringify(entries[i]?.after.snapshot.value)
  return new Set(entries.map(({ event }, i) => `${value(i - 1)} ${event.type} ${value(i)}`))
}
