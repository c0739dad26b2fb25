import { describe, expect, it } from '@jest/globals'
import { admin, customer } from '../../support/engine/people.js'
import { expectOk } from '../../support/engine/results.js'
import { useDispatch } from '../../support/engine/use-dispatch.js'

const product = await useDispatch()

describe('R2.2 a user', () => {
  it('that is read during its deactivation gets the state before or after, never an exception', async () => {
    const { dispatch } = product
    for (let round = 0; round < 20; round++) {
      const user = customer(`u-${round}`)
      const looks = [dispatch.isActive(user), dispatch.isActive(user)]
      expectOk(await dispatch.setPersonActive(admin, user, false))
      await Promise.all(looks)
      expect(await dispatch.isActive(user)).toBe(false)
    }
  })
})
