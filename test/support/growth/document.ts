/* The table of docs/GROWTH.md, and how it is held against what was measured. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../house/import-rules.js'
import type { Growth, Unit } from './hostile.js'
import type { Size } from './sizes.js'

export interface Stated {
  readonly cap: string
  readonly most: string
  readonly kilobytes: number
  readonly megabytes: number
  /** Of the answer that is kept under one idempotency key. */
  readonly keyKilobytes: number | undefined
}

/** Of a row, with what is before the first and after the last bar. */
const CELLS = 9

const KEY_TABLES = new Set(['idempotency_keys', 'idempotency_key_counts'])

export function readDocument(): ReadonlyMap<string, Stated> {
  const text = readFileSync(join(repositoryRoot, 'docs/GROWTH.md'), 'utf8')
  const rows = text.split('\n').filter(line => line.startsWith('| `') && line.split('|').length === CELLS)
  return new Map(
    rows.map(line => {
      const cells = line.split('|').map(cell => cell.trim().replaceAll('`', ''))
      const [, route = '', , cap = '', most = '', kilobytes, megabytes, key = ''] = cells
      const keyKilobytes = key === '' ? undefined : Number(key)
      return [route, { cap, most, kilobytes: Number(kilobytes), megabytes: Number(megabytes), keyKilobytes }]
    }),
  )
}

/** As the table says it. */
export function measured({ unit }: Growth, grown: Readonly<Record<string, Size>>): Stated {
  const others = Object.entries(grown).filter(([table]) => !KEY_TABLES.has(table))
  const bytes = others.reduce((sum, [, size]) => sum + size.bytes, 0)
  const kilobytes = bytes / countOf(unit, grown) / 1000
  const keys = grown.idempotency_keys
  return {
    cap: unit.cap,
    most: mostOf(unit),
    kilobytes,
    megabytes: megabytesOf(unit, kilobytes),
    keyKilobytes: keys === undefined ? undefined : keys.bytes / keys.rows / 1000,
  }
}

const countOf = ({ table }: Unit, grown: Readonly<Record<string, Size>>) =>
  table === undefined ? 1 : (grown[table]?.rows ?? 1)

const mostOf = ({ most, isDaily }: Unit) => `${most}${isDaily === undefined ? '' : ' a day'}`

export const megabytesOf = ({ most }: Unit, kilobytes: number) => (kilobytes * most) / 1000

/** What so many keys and their answers come to. */
export const keyMegabytesOf = (kilobytes: number, keys: number) => (kilobytes * keys) / 1000
