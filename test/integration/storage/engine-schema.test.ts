import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import pg from 'pg'
import { qualifier, schemaIdentifier } from '../../../src/adapters/postgres/connection/engine-schema.js'
import { createAuditStore } from '../../../src/adapters/postgres/engine/audit-store.js'
import { createPostgresStore } from '../../../src/adapters/postgres/engine/store.js'
import { migrate, migrateEngine } from '../../../src/adapters/postgres/schema/migrate.js'
import { readEngineMigrations } from '../../../src/adapters/postgres/schema/migration-files.js'
import { dumpSchema } from '../../../src/adapters/postgres/schema/schema-dump.js'
import { audit } from '../../../src/runtime/audit.js'
import { createEngine } from '../../../src/runtime/engine.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { recordingSubscriber, testDefinitions, until } from '../../support/engine/engine.js'
import { silentLog } from '../../support/engine/log.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { callerOf, newDoor } from '../../support/machines/doors.js'

let database: TestDatabase
let sql: pg.Pool

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
  sql = new pg.Pool({ connectionString: database.connectionString, max: 1 })
})
afterEach(async () => {
  await sql.end()
  await database.drop()
})

const filesOf = async (schema: string) =>
  (await readEngineMigrations(schema)).migrations.map(({ name }) => `${schema}/${name}`)

const tablesOf = async (schema: string) =>
  (
    await sql.query(
      `select relname as name from pg_class
       where relnamespace = $1::regnamespace and relkind in ('r', 'p', 'v') and not relispartition order by 1`,
      [schema],
    )
  ).rows.map(({ name }) => name)

it('R10.3 an engine has its tables in its own schema, beside tables of the same names', async () => {
  await sql.query(
    `create table users (name text); create table events (name text); create table instances (id int)`,
  )
  const before = await tablesOf('public')
  expect(await migrateEngine(database.connectionString)).toEqual(await filesOf('loadcast'))
  expect(await migrateEngine(database.connectionString)).toEqual([])
  expect(await migrateEngine(database.connectionString, { schema: 'elsewhere' })).toEqual(
    await filesOf('elsewhere'),
  )
  expect(await tablesOf('public')).toEqual(before)
  expect(await tablesOf('elsewhere')).toEqual(await tablesOf('loadcast'))

  for (const schema of [undefined, 'elsewhere']) {
    const given = schema === undefined ? {} : { schema }
    const store = createPostgresStore({ connectionString: database.connectionString, ...given })
    const recorder = recordingSubscriber()
    const engine = createEngine({ store, definitions: testDefinitions, subscribers: [recorder] })
    await engine.start()
    const id = await newDoor(engine, 1)
    await callerOf(engine).open(id)
    await until(async () => (await engine.get(id))?.status === 'closed')
    expect((await engine.history(id)).map(({ version }) => version)).toEqual([1, 2, 3])
    await until(() => recorder.events.length === 3)
    await engine.close()
    await store.close()
    const found: string[] = []
    for await (const { message } of audit(createAuditStore(sql, given), testDefinitions)) found.push(message)
    expect(found).toEqual([])
    const { rows } = await sql.query(`select id from ${schema ?? 'loadcast'}.instances`)
    expect(rows).toEqual([{ id }])
  }
})

it('the tables of the product are in a new schema', async () => {
  await migrate(database.connectionString, { log: silentLog })
  await migrateEngine(database.connectionString, { schema: 'elsewhere' })
  // What the product's own lists and resume need.
  await sql.query(
    `drop index loadcast.claims_seeking, loadcast.events_late_audience, loadcast.events_late_ends,
      loadcast.dead_letters_of_user`,
  )
  // For the release before.
  await sql.query('drop view loadcast.schema_migrations')
  await sql.query('drop trigger idempotency_keys_role on loadcast.idempotency_keys')
  const [moved, made] = [await dumpSchema(sql, 'loadcast'), await dumpSchema(sql, 'elsewhere')]
  expect(moved.replaceAll('loadcast', 'schema')).toBe(made.replaceAll('elsewhere', 'schema'))
})

it.each(['Loadcast', 'a-b', 'x"; drop', 'pg_own', '', '1st', 'a'.repeat(64)])(
  'a schema may not be called %j',
  async name => {
    expect(() => schemaIdentifier(name)).toThrow(`The schema "${name}" should be`)
    await expect(migrateEngine(database.connectionString, { schema: name })).rejects.toThrow('The schema')
    const options = { connectionString: database.connectionString, schema: name }
    expect(() => createPostgresStore(options)).toThrow('The schema')
  },
)

it('names in braces get the schema, and nothing else changes', () => {
  const qualify = qualifier('own')
  expect(qualify("select '{a,b}' from {instances} i join {journal} using (id), {nothing}")).toBe(
    'select \'{a,b}\' from "own".instances i join "own".journal using (id), {nothing}',
  )
})

it('no statement of the program names a table of the engine without a schema', async () => {
  const folder = join(repositoryRoot, 'src/adapters/postgres')
  const files = (await readdir(folder, { recursive: true })).filter(file => file.endsWith('.ts'))
  const names = (await tablesAfter()).join('|')
  const bare = new RegExp(`\\b(?:from|join|into|update|using|table)\\s+(?:${names})\\b`)
  const found: string[] = []
  for (const file of files) {
    const lines = (await readFile(join(folder, file), 'utf8')).split('\n')
    for (const line of lines) {
      if (!/^\s*(\*|\/)/.test(line) && bare.test(line)) found.push(`${file}: ${line.trim()}`)
    }
  }
  expect(found).toEqual([])
})

async function tablesAfter(): Promise<string[]> {
  await migrateEngine(database.connectionString)
  return tablesOf('loadcast')
}
