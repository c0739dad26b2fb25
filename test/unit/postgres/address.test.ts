import { expect, test } from '@jest/globals'
import { createDatabase } from '../../../src/adapters/postgres/connection/database.js'

test.each([
  ['postgres://user@one/freight', 3_000],
  ['postgres://user@one/freight?connect_timeout=10', 10_000],
])('a connection to %s may take %i ms', (connectionString, connectionTimeoutMillis) => {
  const { options } = createDatabase(connectionString).openPool({ max: 1 })
  expect(options).toMatchObject({ connectionTimeoutMillis })
})
