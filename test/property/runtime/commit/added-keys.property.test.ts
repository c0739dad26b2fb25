import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { addedKeys } from '../../../../src/runtime/commit/added-keys.js'

/** Few names, so that lists have keys in common, also more than once. */
const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 8 })

it('added keys are those of one list that the other lacks, each once', () => {
  fc.assert(
    fc.property(keys, keys, keys, keys, (start, end, before, after) => {
      const [older, newer] = [
        [...start, ...before, ...end],
        [...start, ...after, ...end],
      ]
      const expected = new Set(newer.filter(key => !older.includes(key)))
      const added = addedKeys(older, newer)
      expect(new Set(added)).toEqual(expected)
      expect(added).toHaveLength(expected.size)
    }),
    { numRuns: 2_000 },
  )
})
