/* The plot of docs/PERFORMANCE.md as SVG: throughput and latency of B1 by operations in flight. Pure. */
import type { Point, Results } from './results.js'
import { short } from './table.js'

const TITLE = 'Accepts of fresh requests, against operations in flight'
const WIDTH = 860
const PANEL = { width: 350, height: 260, top: 90 }
const LEFTS = [60, 480]
/** Horizontal lines of a panel, including the axis. */
const GRID_LINES = 5
const COLOURS = { ours: '#1f6feb', limit: '#8b949e', p99: '#cf222e', text: '#24292f', grid: '#d8dee4' }

interface Line {
  readonly name: string
  readonly colour: string
  readonly isDashed?: boolean
  readonly values: readonly number[]
}

/** Returns the SVG. Throws if there is no point. */
export function plotSvg({ curve, machine }: Pick<Results, 'curve' | 'machine'>): string {
  const date = curve.at(-1)?.at
  if (date === undefined) throw new Error('there are no points to plot')
  const of = (read: (point: Point) => number) => curve.map(read)
  const throughput: Line[] = [
    { name: 'the engine', colour: COLOURS.ours, values: of(p => p.perSecond) },
    { name: 'the limit', colour: COLOURS.limit, isDashed: true, values: of(p => p.limitPerSecond) },
  ]
  const latency: Line[] = [
    { name: 'p99', colour: COLOURS.p99, values: of(p => p.p99Ms) },
    { name: 'p50', colour: COLOURS.ours, values: of(p => p.p50Ms) },
  ]
  const inFlight = of(p => p.inFlight)
  const height = PANEL.top + PANEL.height + 90
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="${COLOURS.text}">`,
    `<title>${TITLE}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFTS[0] ?? 0, 28, TITLE, { size: 16 }),
    ...panel(LEFTS[0] ?? 0, 'accepts a second', inFlight, throughput),
    ...panel(LEFTS[1] ?? 0, 'milliseconds', inFlight, latency),
    text(LEFTS[0] ?? 0, height - 28, `Measured on ${inWords(date)}: ${machine}.`),
    text(
      LEFTS[0] ?? 0,
      height - 10,
      'The limit is the same commit, one row at a time, from the best of its clients.',
    ),
    '</svg>',
    '',
  ].join('\n')
}

/** `25 November 2026` */
function inWords(date: string): string {
  return new Date(date).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  })
}

function panel(left: number, title: string, inFlight: readonly number[], lines: readonly Line[]): string[] {
  const top = niceCeiling(Math.max(...lines.flatMap(({ values }) => values)))
  const y = (value: number) => PANEL.top + PANEL.height * (1 - value / top)
  // Evenly spaced, because the numbers in flight grow by factors.
  const x = (i: number) => left + (PANEL.width * (i + 0.5)) / inFlight.length
  const grid = Array.from({ length: GRID_LINES }, (_, i) => (top * i) / (GRID_LINES - 1))
  return [
    text(left, PANEL.top - 14, title),
    ...grid.flatMap(value => [
      `<line x1="${left}" x2="${left + PANEL.width}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="${COLOURS.grid}"/>`,
      text(left - 6, y(value) + 4, short(value), { anchor: 'end' }),
    ]),
    ...inFlight.map((count, i) =>
      text(x(i), PANEL.top + PANEL.height + 18, short(count), { anchor: 'middle' }),
    ),
    text(left + PANEL.width / 2, PANEL.top + PANEL.height + 36, 'in flight', { anchor: 'middle' }),
    ...lines.flatMap((line, n) => drawn(line, n, { x, y, right: left + PANEL.width })),
  ]
}

interface Scale {
  x(i: number): number
  y(value: number): number
  readonly right: number
}

function drawn({ name, colour, isDashed, values }: Line, n: number, { x, y, right }: Scale): string[] {
  const points = values.map((value, i) => `${at(x(i))},${at(y(value))}`).join(' ')
  const dashes = isDashed ? ' stroke-dasharray="6 4"' : ''
  return [
    `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"${dashes}/>`,
    ...values.map(
      (value, i) =>
        `<circle cx="${at(x(i))}" cy="${at(y(value))}" r="3.5" fill="${colour}"><title>${name}: ${short(value)}</title></circle>`,
    ),
    text(right, PANEL.top - 14 - n * 16, name, { anchor: 'end', colour }),
  ]
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', size = 12, colour = COLOURS.text } = {},
): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${escaped}</text>`
}

/** One decimal, since less than that is below a pixel. */
const at = (value: number) => String(Math.round(value * 10) / 10)

/** The next of 1, 2, 4, 6, 8, 10 times a power of ten, whose quarters are short numbers too. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const factor = [1, 2, 4, 6, 8, 10].find(times => times * power >= value) ?? 10
  return factor * power
}
