import { MemoryDatabase } from '../../../src/testing/memory/database.js'
import { createMemoryStore } from '../../../src/testing/memory/store.js'
import { describeStore } from './store.js'

describeStore('a database in memory', async () => {
  const database = new MemoryDatabase()
  return {
    store: createMemoryStore({ database }),
    other: createMemoryStore({ database }),
    audit: database.auditStore,
    close: async () => {},
  }
})
