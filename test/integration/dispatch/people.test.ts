import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { admin, customer, expectOk, openDispatch, type Product } from '../../support/engine/dispatch.js'

let database: TestDatabase
let product: Product

beforeAll(async () => {
  database = await createTestDatabase()
  product = openDispatch(database.connectionString)
})
afterAll(async () => {
  await product.close()
  await database.drop()
})

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
