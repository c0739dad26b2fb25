import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { readOptions } from '../../../bench/options.js'
import { parts } from '../../../bench/parts/index.js'
import { performanceDocuments, withFigures } from '../../../bench/report/documents.js'
import { atLeast, toFigure } from '../../../bench/report/figure.js'
import { niceCeiling, plotSvg } from '../../../bench/report/plot.js'
import { byKey, figuresOf, merged, readResults, writeResults } from '../../../bench/report/results.js'
import { figuresMarkdown, figuresTable, short } from '../../../bench/report/table.js'
import { repositoryRoot } from '../../support/house/import-rules.js'

const date = '2026-01-02T03:04:05.000Z'
const figure = (value: number) =>
  toFigure(
    {
      key: 'B1',
      what: 'accepts',
      unit: '/s',
      values: [value],
      beside: { what: 'the limit', values: [1_000] },
      goal: atLeast(1.5),
    },
    new Date(date),
  )
const point = { inFlight: 8, perSecond: 4_000, p50Ms: 1.5, p99Ms: 3, limitPerSecond: 5_000, at: date }
const results = merged(undefined, {
  machine: 'a machine',
  date,
  figures: { B10: figure(1), B2: figure(12_345) },
  curve: [point],
})

describe('bench/results.json', () => {
  it('keeps figures that were not measured again, if they are of the same machine', () => {
    const now = { date, figures: { B2: figure(7) }, curve: [] }
    const again = merged(results, { ...now, machine: 'a machine' })
    expect(Object.keys(figuresOf(again))).toEqual(['B2', 'B10'])
    expect([figuresOf(again).B2?.value, figuresOf(again).B10?.value, again.curve]).toEqual([7, 1, [point]])
    const elsewhere = merged(results, { ...now, machine: 'another' })
    expect([Object.keys(figuresOf(elsewhere)), elsewhere.curve]).toEqual([['B2'], []])
  })

  it('has the documented shape: machine, date, and each figure by its key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loadcast-results-'))
    const file = join(folder, 'results.json')
    try {
      expect(readResults(file)).toBeUndefined()
      await writeResults(results, file)
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
        machine: 'a machine',
        date,
        B2: {
          value: 12_350,
          unit: '/s',
          ratio: 12.35,
          goal: 'ratio at least 1.5',
          met: true,
          spread: [12.35, 12.35],
        },
      })
      expect(readResults(file)).toEqual(results)
      writeFileSync(file, JSON.stringify({ ...results, B3: { value: 'much' } }))
      expect(() => readResults(file)).toThrow('B3')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('has the order of the parts, not of the alphabet', () => {
    expect(['B10', 'B2', 'limit.pool', 'B1.256', 'B1.64'].sort(byKey)).toEqual([
      'B1.64',
      'B1.256',
      'B2',
      'B10',
      'limit.pool',
    ])
  })
})

describe('the table of the benchmark', () => {
  it('shows each figure, its comparison and whether it meets its goal', () => {
    const markdown = figuresMarkdown({ B2: figure(2_000), B3: figure(1_000) }).split('\n')
    expect(markdown[2]).toBe(
      '| B2 accepts | 2,000/s | 1,000/s the limit | 2 | 2 – 2 | ratio at least 1.5 | yes |',
    )
    expect(markdown[3]).toContain('| NO |')
    expect(figuresTable({ B2: figure(2_000) })).toMatch(/B2 accepts +2,000\/s +1,000\/s the limit/)
  })

  it('shows only significant digits', () => {
    expect([12_345.6, 99.94, 1.2345, 0.01234, 0].map(short)).toEqual([
      '12,346',
      '99.9',
      '1.23',
      '0.0123',
      '0',
    ])
  })
})

describe('the plot of the benchmark', () => {
  it('is SVG with a mark for each figure of each point, the date and the machine', () => {
    const svg = plotSvg({
      ...results,
      machine: '2 cores <x> & more',
      curve: [point, { ...point, inFlight: 64 }],
    })
    expect(svg.match(/<circle /g)).toHaveLength(2 * 4)
    expect(svg).toContain('<title>the engine: 4,000</title>')
    expect(svg).toContain('Measured on 2 January 2026: 2 cores &lt;x> &amp; more.')
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('draws twice the value at twice the height', () => {
    const half = { ...point, perSecond: 2_500, limitPerSecond: 5_000 }
    const ys = [...plotSvg({ ...results, curve: [half] }).matchAll(/cy="([\d.]+)"[^>]*><title>the/g)].map(m =>
      Number(m[1]),
    )
    const bottom = 90 + 260
    expect((bottom - (ys[1] ?? 0)) / (bottom - (ys[0] ?? 0))).toBeCloseTo(2, 1)
  })

  it('ends its axis at the next short number', () => {
    expect([1, 1.1, 3.9, 5, 61, 7_999, 8_001].map(niceCeiling)).toEqual([1, 2, 4, 6, 80, 8_000, 10_000])
  })

  it('is refused for no figures', () => {
    expect(() => plotSvg({ ...results, curve: [] })).toThrow('no points')
  })
})

describe('docs/PERFORMANCE.md and the plot', () => {
  it('match bench/results.json: `npm run documents` writes them', () => {
    const documents = Object.entries(performanceDocuments())
    expect(documents.length).toBeGreaterThan(0)
    for (const [name, content] of documents) {
      const file = join(repositoryRoot, name)
      expect(existsSync(file) && readFileSync(file, 'utf8')).toBe(content)
    }
  })

  it('name every part', () => {
    const document = readFileSync(join(repositoryRoot, 'docs/PERFORMANCE.md'), 'utf8')
    const named = new Set([...document.matchAll(/^\| (B\d+) \| /gm)].map(match => match[1]))
    const expected = parts.map(({ id }) => id.split('.')[0]).filter(id => id?.startsWith('B'))
    expect(named).toEqual(new Set(expected))
  })

  it('are refused if the document has no place for them', () => {
    expect(() => withFigures('# Performance', results)).toThrow('for the figures')
  })
})

describe('the options of the benchmark', () => {
  const known = ['B1', 'B5.late', 'B5.drain', 'B10']

  it('choose all parts unless some are named, in any case and order', () => {
    expect(readOptions([], known)).toEqual({ parts: known, isQuick: false })
    expect(readOptions(['b10', 'B1', '--quick'], known)).toEqual({ parts: ['B1', 'B10'], isQuick: true })
  })

  it('choose everything within a named part, and nothing that only begins like it', () => {
    expect(readOptions(['B5'], known).parts).toEqual(['B5.late', 'B5.drain'])
    expect(readOptions(['b5.late'], known).parts).toEqual(['B5.late'])
    expect(readOptions(['B1'], known).parts).toEqual(['B1'])
  })

  it('list all parts if one is unknown', () => {
    expect(() => readOptions(['B', 'B1'], known)).toThrow('B: the parts are B1, B5.late, B5.drain, B10')
  })
})
