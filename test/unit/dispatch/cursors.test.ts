import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  decodeCursor,
  encodeCursor,
  idCursor,
  pageOf,
  positionCursor,
  versionCursor,
} from '../../../src/dispatch/cursors.js'

describe('a cursor', () => {
  it('leads back to the place that it was made from', () => {
    const id = '01890000-0000-7000-8000-000000000001'
    expect(decodeCursor(idCursor, encodeCursor(id))).toEqual({ ok: true, value: id })
    expect(decodeCursor(positionCursor, encodeCursor('1.v:1'))).toEqual({ ok: true, value: '1.v:1' })
    expect(decodeCursor(versionCursor, encodeCursor(12))).toEqual({ ok: true, value: 12 })
    expect(decodeCursor(idCursor, undefined)).toEqual({ ok: true, value: undefined })
  })

  it('is refused as invalid if it was forged, in any way', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.constant(encodeCursor("' or 1=1"))), text => {
        const decoded = decodeCursor(idCursor, text)
        expect(decoded).toMatchObject({ ok: false, problem: { code: 'VALIDATION_FAILED' } })
      }),
    )
  })

  it('is given exactly if there are more items', () => {
    const page = (items: number[]) => pageOf({ items }, 2, item => item, String)
    expect(page([9, 8, 7])).toEqual({ items: ['9', '8'], nextCursor: encodeCursor(8) })
    expect(page([9, 8])).toEqual({ items: ['9', '8'], nextCursor: null })
    expect(page([])).toEqual({ items: [], nextCursor: null })
    const looked = pageOf({ items: [9], lookedDownTo: '3' }, 2, item => item, String)
    expect(looked).toEqual({ items: ['9'], nextCursor: encodeCursor('3') })
  })
})
