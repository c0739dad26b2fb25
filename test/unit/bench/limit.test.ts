import { describe, expect, it } from '@jest/globals'
import { readRate } from '../../../bench/limit/pgbench.js'
import { NAMES, pgbenchStatement, statement } from '../../../bench/limit/statement.js'

describe('the statement of the limit', () => {
  it('is the same for both senders: pgbench’s variables are the pool’s parameters, and all are used', () => {
    const renamed = NAMES.reduce(
      (sql, name, i) => sql.replaceAll(new RegExp(`(?<!:):${name}\\b`, 'g'), `$${i + 1}`),
      pgbenchStatement,
    )
    expect(renamed).toBe(`${statement.replaceAll(/\s+/g, ' ').trim()};`)
    const used = new Set([...statement.matchAll(/\$(\d+)/g)].map(match => Number(match[1])))
    expect([...used].sort((a, b) => a - b)).toEqual(NAMES.map((_, i) => i + 1))
  })

  it('is one line, which is one command of pgbench', () => {
    expect(pgbenchStatement).not.toContain('\n')
  })
})

describe('what pgbench prints', () => {
  const output = [
    'number of transactions actually processed: 800/800',
    'number of failed transactions: 0 (0.000%)',
    'initial connection time = 3.1 ms',
    'tps = 2853.456 (without initial connection time)',
  ].join('\n')

  it('is parsed for its rate', () => {
    expect(readRate(output, 800)).toBe(2853.456)
  })

  it.each([
    ['some were not done', output.replace('800/800', '799/800')],
    ['there is no rate', output.replace('tps', 'rate')],
  ])('is refused as a measurement when %s', (_why, printed) => {
    expect(() => readRate(printed, 800)).toThrow('pgbench did not do it all')
  })
})
