import { describe, expect, it } from '@jest/globals'
import { counted, milliseconds, table } from '../../../demo/table.js'

describe('the tables of the demo', () => {
  it('put names on the left and figures on the right', () => {
    expect(
      table(
        ['What', 'count'],
        [
          ['won', '7'],
          ['lost', '12,345'],
        ],
      ),
    ).toBe(['  What   count', '  ────────────', '  won        7', '  lost  12,345'].join('\n'))
  })

  it('use the singular for one thing, and separate thousands', () => {
    expect(counted(1, 'request')).toBe('1 request')
    expect(counted(12_345, 'request')).toBe('12,345 requests')
  })

  it('show decimals of a millisecond only if they are significant, and no negative zero', () => {
    expect([0.04, -0.04, 9.96, 12.4, 1_234.5].map(milliseconds)).toEqual([
      '0.0 ms',
      '0.0 ms',
      '10.0 ms',
      '12 ms',
      '1,235 ms',
    ])
  })
})
