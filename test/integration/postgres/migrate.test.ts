import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { migrate, pendingMigrations } from '../../../src/adapters/postgres/schema/migrate.js'
import {
  MIGRATIONS_FOLDER,
  productMigrations,
  readMigrations,
  readProductMigrations,
  SCHEMA_FILE,
} from '../../../src/adapters/postgres/schema/migration-files.js'
import { dumpProduct, dumpSchema } from '../../../src/adapters/postgres/schema/schema-dump.js'
import { tableTypes } from '../../../src/adapters/postgres/schema/table-types.js'
import { createTestDatabase, type TestDatabase } from '../../support/database/postgres.js'
import { until } from '../../support/engine/engine.js'
import { recordingLog, silentLog } from '../../support/engine/log.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const options = { log: silentLog }
let database: TestDatabase
let client: pg.Client
let folder: string

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
  client = new pg.Client(database.connectionString)
  await client.connect()
  folder = await temporaryFolder('migrations')
})

afterEach(async () => {
  await client.end()
  await database.drop()
  await rm(folder, { recursive: true })
})

const write = (name: string, sql: string) => writeFile(join(folder, name), sql)

async function tables(): Promise<string[]> {
  const { rows } = await client.query(`select relname from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`)
  return rows.map(({ relname }) => relname)
}

const namesOfAll = async () =>
  (await readProductMigrations()).flatMap(({ schema, migrations }) =>
    migrations.map(({ name }) => (schema === 'public' ? name : `${schema}/${name}`)),
  )

test('the migrations of the repository apply to an empty database once', async () => {
  const names = await namesOfAll()
  expect(await pendingMigrations(database.connectionString)).toEqual(names)
  expect(await migrate(database.connectionString, options)).toEqual(names)
  expect(await pendingMigrations(client)).toEqual([])
  expect(await migrate(client, options)).toEqual([])
  expect(await tables()).toContain('trips')
})

test('a pool is used and returned', async () => {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 })
  await write('0001_one.sql', 'create table one ()')
  expect(await migrate(pool, { ...options, folder })).toEqual(['0001_one.sql'])
  expect(await pendingMigrations(pool, [productMigrations(await readMigrations(folder))])).toEqual([])
  await pool.end()
})

test('of two processes that migrate at once one applies each file and the other waits for it', async () => {
  await client.query('select pg_advisory_lock(1)')
  await write('0001_slow.sql', 'select pg_advisory_xact_lock(1); create table slow ()')
  await write('0002_next.sql', 'create table next ()')
  const [log, otherLog] = [recordingLog(), recordingLog()]
  const first = migrate(database.connectionString, { log, folder })
  await log.said('0001_slow.sql')
  const second = migrate(database.connectionString, { log: otherLog, folder })
  await otherLog.said('Another process is migrating')
  await client.query('select pg_advisory_unlock(1)')
  const applied = [...(await first), ...(await second)]
  expect(applied.toSorted()).toEqual(['0001_slow.sql', '0002_next.sql'])
  expect(await tables()).toEqual(['next', 'schema_migrations', 'slow'])
})

test('many processes that migrate an empty database at once apply each file once', async () => {
  const names = await namesOfAll()
  const applied = await Promise.all(
    Array.from({ length: 8 }, () => migrate(database.connectionString, options)),
  )
  expect(applied.flat().toSorted()).toEqual(names)
})

test('an applied file that has changed is refused, before anything else is applied', async () => {
  await write('0001_one.sql', 'create table one ();\n')
  await migrate(client, { ...options, folder })
  await write('0001_one.sql', 'create table one (a text);\n')
  await write('0002_two.sql', 'create table two ()')
  await expect(migrate(client, { ...options, folder })).rejects.toThrow(
    '0001_one.sql has changed since it was applied',
  )
  await expect(pendingMigrations(client, [productMigrations(await readMigrations(folder))])).rejects.toThrow(
    '0001_one.sql has changed',
  )
  expect(await tables()).not.toContain('two')
})

describe('R13.5 a file that was corrected for older versions of Postgres', () => {
  const CORRECTED = '0003_reads_and_admin.sql'
  const FIRST_CHECKSUM = 'fc607e41887561ab6d617f91f2f73a4bef2cd6c69832c4fa725c383fe784b04e'

  /** Applies the repository's files up to this one. */
  async function migrateBefore(name: string): Promise<void> {
    for (const file of await readMigrations(MIGRATIONS_FOLDER)) {
      if (file.name < name) await write(file.name, file.sql)
    }
    await migrate(client, { ...options, folder })
  }

  test('R13.5 counts under the checksum of its first text, for the previous release and this one', async () => {
    await migrate(client, options)
    const { rows } = await client.query('select checksum from schema_migrations where name = $1', [CORRECTED])
    expect(rows).toEqual([{ checksum: FIRST_CHECKSUM }])
    expect(await migrate(client, options)).toEqual([])
  })

  test('R13.5 has the same effect as its first text: ids are UUIDv7 of the time of the decline', async () => {
    await migrateBefore(CORRECTED)
    const declined = ['2024-02-29T23:59:59.999Z', '2025-01-01T00:00:00.000Z']
    await client.query(
      `insert into recipients (broadcast_id, transporter_id, step, offered_at, declined_at)
       select gen_random_uuid(), 't' || n, '1', at, at
       from unnest($1::timestamptz[]) with ordinality as d (at, n)`,
      [declined],
    )
    await migrate(client, options)
    const { rows } = await client.query('select id from answers order by id')
    expect(rows.map(({ id }) => timeOf(id))).toEqual(declined)
    for (const { id } of rows)
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  })

  const timeOf = (uuid: string) =>
    new Date(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toISOString()
})

test('line ends that git changed are not a change', async () => {
  await write('0001_one.sql', 'create table one (\n);\n')
  await migrate(client, { ...options, folder })
  await write('0001_one.sql', 'create table one (\r\n);\r\n')
  expect(await migrate(client, { ...options, folder })).toEqual([])
})

test('a failed file is rolled back completely, those before it stay, and it can be retried', async () => {
  await write('0001_one.sql', 'create table one ()')
  await write('0002_two.sql', 'create table two (); select 1 / 0')
  await expect(migrate(client, { ...options, folder })).rejects.toThrow(
    '0002_two.sql failed and was rolled back',
  )
  expect(await tables()).toEqual(['one', 'schema_migrations'])
  await write('0002_two.sql', 'create table two ()')
  expect(await migrate(client, { ...options, folder })).toEqual(['0002_two.sql'])
})

test('a file that waits for a lock lets others pass, and is applied when the lock is free', async () => {
  await client.query('create table busy ()')
  const other = new pg.Client(database.connectionString)
  await other.connect()
  await other.query('begin; lock table busy in access share mode')
  await write('0001_one.sql', 'alter table busy add column a text')
  const log = recordingLog()
  const migrating = migrate(database.connectionString, { log, folder })
  await log.said('0001_one.sql waits for a lock')
  // Behind a file that kept waiting this would not return before the lock is free.
  await client.query('select from busy')
  await other.query('commit')
  await other.end()
  expect(await migrating).toEqual(['0001_one.sql'])
})

test('a killed migration leaves nothing of its file, and the next one applies it', async () => {
  await write('0001_one.sql', 'create table one ()')
  // Half done: the table is made, and the rest waits for a lock that we hold.
  await write('0002_two.sql', 'create table two (); select pg_advisory_xact_lock(1); create table three ()')
  await client.query('select pg_advisory_lock(1)')
  const args = [
    '--import',
    'tsx',
    'test/support/database/migrating-process.ts',
    database.connectionString,
    folder,
  ]
  const child = spawn(process.execPath, args, { cwd: repositoryRoot, stdio: 'inherit' })
  await until(async () => {
    const { rows } = await client.query(
      "select from pg_locks where locktype = 'advisory' and objid = 1 and not granted",
    )
    return rows.length === 1
  })
  child.kill('SIGKILL')
  await once(child, 'close')
  await client.query('select pg_advisory_unlock(1)')
  expect(await migrate(client, { ...options, folder })).toEqual(['0002_two.sql'])
  expect(await tables()).toEqual(['one', 'schema_migrations', 'three', 'two'])
})

test('a newer database is accepted with a warning, because a rolling deploy starts old processes on it', async () => {
  await write('0001_one.sql', 'create table one ()')
  await write('0002_two.sql', 'create table two ()')
  await migrate(client, { ...options, folder })
  await rm(join(folder, '0002_two.sql'))
  const log = recordingLog()
  expect(await migrate(client, { log, folder })).toEqual([])
  expect(log.lines.join('\n')).toMatch(/warning: .*0002_two\.sql.*newer/)
})

test('a new file with an old number is refused, because an empty database would run it in another order', async () => {
  await write('0002_two.sql', 'create table two ()')
  await migrate(client, { ...options, folder })
  await write('0001_one.sql', 'create table one ()')
  await expect(migrate(client, { ...options, folder })).rejects.toThrow(
    '0001_one.sql comes before 0002_two.sql',
  )
})

test.each([
  ['first.sql', 'should be named like'],
  ['0001_other.sql', 'Two migrations have the number 0001'],
])('a file %s beside 0001_one.sql is refused', async (name, message) => {
  await write('0001_one.sql', 'create table one ()')
  await write(name, 'create table two ()')
  await expect(migrate(client, { ...options, folder })).rejects.toThrow(message)
})

test('migrations/schema.txt matches the migrations', async () => {
  await migrate(client, options)
  const isCurrent = (await dumpProduct(client)) === (await readFile(SCHEMA_FILE, 'utf8'))
  if (!isCurrent)
    throw new Error(
      'migrations/schema.txt has drifted from migrations/*.sql: run npm run schema and commit it.',
    )
})

test('the types of the tables are those that the migrations make', async () => {
  await migrate(client, options)
  const file = new URL('../../../src/adapters/postgres/schema/tables.ts', import.meta.url)
  const isCurrent = (await tableTypes(client)) === (await readFile(file, 'utf8'))
  if (!isCurrent)
    throw new Error('tables.ts has drifted from migrations/*.sql: run npm run schema and commit it.')
})

test('a column of a type that has no TypeScript is refused', async () => {
  await client.query('create table lines (way path)')
  await expect(tableTypes(client)).rejects.toThrow('lines.way is path')
})

test('the dump shows everything that a migration may create', async () => {
  await client.query(`
    create type mood as enum ('calm', 'cross');
    create domain slug as text;
    create table parents (id bigint generated always as identity primary key);
    create unlogged table things (
      id bigint primary key references parents on delete cascade,
      size numeric(5, 2) not null default 1,
      twice numeric generated always as (size * 2) stored,
      constraint small check (size < 10)
    ) with (fillfactor = 50);
    comment on table things is 'of all kinds';
    comment on column things.size is 'in metres';
    create index things_size on things (size desc) where size > 1;
    create view big_things as select id from things where size > 5;
    create function touch() returns trigger language plpgsql as 'begin return new; end';
    create trigger touched before update on things for each row execute function touch();
  `)
  const dump = await dumpSchema(client)
  expect(dump.split('\n')).toEqual(
    expect.arrayContaining([
      'enum mood (calm, cross)',
      'domain slug text',
      'table things unlogged with (fillfactor=50) -- of all kinds',
      '  column id bigint not null generated always as identity',
      '  column size numeric(5,2) not null default 1 -- in metres',
      '  column twice numeric generated always as ((size * (2)::numeric)) stored',
      '  constraint small CHECK ((size < (10)::numeric))',
      '  constraint things_id_fkey FOREIGN KEY (id) REFERENCES parents(id) ON DELETE CASCADE',
      '  index CREATE INDEX things_size ON public.things USING btree (size DESC) WHERE (size > (1)::numeric)',
      '  trigger CREATE TRIGGER touched BEFORE UPDATE ON public.things FOR EACH ROW EXECUTE FUNCTION touch()',
      'view big_things',
      'CREATE OR REPLACE FUNCTION public.touch()',
    ]),
  )
})
