import { describe, expect, it } from '@jest/globals'
import { defined } from '../../../src/types/defined.js'

describe('defined', () => {
  it('leaves out the properties that are undefined, and keeps every other value and the order', () => {
    const fields = { a: undefined, b: 0, c: null, d: '', e: false, f: undefined }
    expect(Object.entries(defined(fields))).toEqual([
      ['b', 0],
      ['c', null],
      ['d', ''],
      ['e', false],
    ])
  })

  it('fits an optional property that may not be undefined', () => {
    const name: string | undefined = undefined
    const fits: { readonly id: number; readonly name?: string } = defined({
      id: 1,
      name: name as string | undefined,
    })
    expect('name' in fits).toBe(false)
  })
})
