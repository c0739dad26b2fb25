import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { createMetrics } from '../../../src/adapters/telemetry/metrics.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { readExpression, seriesOf } from '../../support/house/promql.js'

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')
const metrics = createMetrics({ version: '1' })
const ours = metrics.describe()
/** `le` is of every histogram; `instance` is what Prometheus adds. */
const labels = new Set(['le', 'instance', ...ours.flatMap(metric => metric.labels)])

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}
const dashboard = JSON.parse(read('ops/grafana/loadcast.json')) as { panels: readonly Panel[] }
const inPanels = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat }) => ({ what: title, expression: expr, legendFormat })),
)
const rules = read('ops/prometheus/alerts.yml')
  .split(/^ {6}- alert: /m)
  .slice(1)
const inRules = rules.map(rule => ({
  what: rule.split('\n', 1)[0] ?? '',
  expression: /^ +expr: (.*)$/m.exec(rule)?.[1] ?? '',
}))

describe('R9.5 the dashboard and the alerts', () => {
  test.each([...inPanels, ...inRules])(
    '$what: $expression queries existing metrics',
    async ({ expression }) => {
      const series = seriesOf(await metrics.page())
      const asked = readExpression(expression)
      expect(asked.names.length).toBeGreaterThan(0)
      expect(asked.names.filter(name => !series.has(name))).toEqual([])
      expect(asked.labels.filter(label => !labels.has(label))).toEqual([])
    },
  )

  test.each(inPanels)('$what: its legend names labels that it groups by', ({ expression, legendFormat }) => {
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
    const { labels: asked } = readExpression(expression)
    expect(named.filter(label => label !== 'instance' && !asked.includes(label))).toEqual([])
  })

  test('every alert has a summary, a severity and a place to look', () => {
    expect(rules.length).toBeGreaterThan(8)
    for (const rule of rules) {
      expect(rule).toMatch(/severity: (page|ticket)/)
      expect(rule).toMatch(/summary: \S.+\n +look: \S/)
    }
  })

  test('every metric of ours is on the dashboard', () => {
    const shown = inPanels.map(({ expression }) => expression).join('\n')
    expect(ours.filter(({ name }) => !shown.includes(name)).map(({ name }) => name)).toEqual([])
  })

  test('an unknown metric would be noticed', () => {
    expect(readExpression('sum by (kind) (rate(loadcast_typo_total{x!="1"}[5m]))')).toEqual({
      names: ['loadcast_typo_total'],
      labels: ['kind', 'x'],
    })
  })
})
