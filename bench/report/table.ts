/* The figures as a table, for a terminal and for docs/PERFORMANCE.md. */
import { count, table } from '../../demo/table.js'
import type { Figure } from './figure.js'
import { byKey } from './results.js'

const HEAD = ['', 'measured', 'beside', 'ratio', 'spread', 'goal', 'met']

/** Lines for a terminal. */
export function figuresTable(figures: Readonly<Record<string, Figure>>): string {
  return table(HEAD, rowsOf(figures))
}

/** A table in Markdown. */
export function figuresMarkdown(figures: Readonly<Record<string, Figure>>): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(HEAD), line(HEAD.map(() => '---')), ...rowsOf(figures).map(line)].join('\n')
}

function rowsOf(figures: Readonly<Record<string, Figure>>): string[][] {
  return Object.entries(figures)
    .sort(([a], [b]) => byKey(a, b))
    .map(([key, figure]) => [
      `${key} ${figure.what}`,
      withUnit(figure.value, figure.unit),
      figure.beside === null ? '' : `${withUnit(figure.beside.value, figure.unit)} ${figure.beside.what}`,
      figure.ratio === null ? '' : short(figure.ratio),
      figure.spread.map(short).join(' – '),
      figure.goal ?? '',
      figure.met === null ? '' : figure.met ? 'yes' : 'NO',
    ])
}

const withUnit = (value: number, unit: string) => `${short(value)}${unit.startsWith('/') ? '' : ' '}${unit}`

/** Whole numbers from 100 on, else three digits. */
export function short(value: number): string {
  return value >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(3)))
}
