/* Finds which instance held which claim when, according to the snapshots, and compares them. */
import type { AnyMachineSnapshot } from 'xstate'
import type { Definition } from '../../runtime/definition.js'
import type { Bounds } from './bounds.js'
import { countUpTo } from './count-up-to.js'
import type { Line } from './line.js'
import type { Violation } from './violation.js'

/** Two instants. They count commits where the order of commits is known, and are times otherwise, as callers saw them. */
interface Interval {
  readonly from: number
  readonly to: number
}

export interface Hold {
  readonly instance: string
  /** The versions that took the claim and gave it back. */
  readonly taken: number
  readonly freed: number | undefined
  /** When the claim may have been held, and when it surely was, in the time of the history. */
  readonly possible: Interval
  readonly certain: Interval
}

/** All holds of one key, ordered by the first moment at which each may have begun. */
interface KeyHolds {
  readonly holds: readonly Hold[]
  readonly starts: readonly number[]
  /** At index i, the last moment at which one of the holds up to i may have ended. */
  readonly latestEnds: readonly number[]
}

export type Holds = ReadonlyMap<string, KeyHolds>

export function findHolds(
  definition: Definition,
  lines: readonly { readonly line: Line; readonly bounds: Bounds }[],
): Holds {
  const holds = new Map<string, Hold[]>()
  for (const { line, bounds } of lines) {
    const open = new Map<string, number>()
    const close = (key: string, freed: number | undefined) => {
      const taken = open.get(key) ?? 1
      open.delete(key)
      const list = holds.get(key) ?? []
      holds.set(key, list)
      list.push({ instance: line.instance, taken, freed, ...intervals(bounds, taken, freed) })
    }
    let before: AnyMachineSnapshot | undefined
    for (const [i, snapshot] of line.snapshots.entries()) {
      if (snapshot === before) continue
      before = snapshot
      const now = new Set((line.versions[i]?.definition ?? definition).claims(snapshot))
      for (const key of open.keys()) if (!now.has(key)) close(key, i + 1)
      for (const key of now) if (!open.has(key)) open.set(key, i + 1)
    }
    for (const key of [...open.keys()]) close(key, undefined)
  }
  return new Map([...holds].map(([key, list]) => [key, sorted(list)]))
}

function sorted(list: readonly Hold[]): KeyHolds {
  const holds = [...list].sort((a, b) => a.possible.from - b.possible.from)
  let latest = Number.NEGATIVE_INFINITY
  const latestEnds = holds.map(({ possible }) => {
    latest = Math.max(latest, possible.to)
    return latest
  })
  return { holds, starts: holds.map(({ possible }) => possible.from), latestEnds }
}

function intervals({ earliest, latest }: Bounds, taken: number, freed: number | undefined) {
  const at = (list: readonly number[], version: number | undefined) =>
    (version === undefined ? undefined : list[version - 1]) ?? Number.POSITIVE_INFINITY
  return {
    possible: { from: earliest[taken - 1] ?? Number.NEGATIVE_INFINITY, to: at(latest, freed) },
    certain: { from: at(latest, taken), to: at(earliest, freed) },
  }
}

/** Finds keys that two instances held at once. `commits` is the order of all transitions, if it is known. */
export function findDoubleHolds(
  holds: Holds,
  commits: readonly { readonly instance: string; readonly version: number }[] | undefined,
): Violation[] {
  const order = commits && new Map(commits.map(({ instance, version }, i) => [`${instance} ${version}`, i]))
  const intervalOf = ({ instance, taken, freed, certain }: Hold): Interval => {
    if (order === undefined) return certain
    const at = (version: number | undefined) =>
      order.get(`${instance} ${version}`) ?? Number.POSITIVE_INFINITY
    return { from: at(taken), to: at(freed) }
  }
  const violations: Violation[] = []
  for (const [key, { holds: list }] of holds) {
    const ordered = list.map(hold => ({ hold, ...intervalOf(hold) })).sort((a, b) => a.from - b.from)
    let longest: (typeof ordered)[number] | undefined
    for (const one of ordered) {
      if (one.from === Number.POSITIVE_INFINITY) continue
      if (longest !== undefined && longest.hold.instance !== one.hold.instance && one.from < longest.to) {
        const [a, b] = [longest.hold, one.hold]
        const message = `"${key}" was held by ${a.instance} (from version ${a.taken}) and by ${b.instance} (from version ${b.taken}) at once`
        violations.push({ rule: 'claim', message })
        break
      }
      if (longest === undefined || one.to > longest.to) longest = one
    }
  }
  return violations
}

/** Other instances that may have held `key` at some moment of the window. */
export function possibleHolders(
  holds: Holds,
  key: string,
  instance: string | null,
  from: number,
  to: number,
): string[] {
  const known = holds.get(key)
  if (known === undefined) return []
  const found: string[] = []
  for (let i = countUpTo(known.starts, start => start <= to) - 1; i >= 0; i--) {
    if ((known.latestEnds[i] ?? from) < from) break
    const hold = known.holds[i]
    if (hold !== undefined && hold.instance !== instance && hold.possible.to >= from)
      found.push(hold.instance)
  }
  return found
}
