import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { canReach } from '../../../src/adapters/postgres/embedded/account.js'
import { resolveBinaries } from '../../../src/adapters/postgres/embedded/binaries.js'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../src/adapters/postgres/embedded/index.js'
import { serverProcesses } from '../../../src/adapters/postgres/embedded/postmaster.js'
import { NO_FSYNC } from '../../support/database/no-fsync.js'
import { recordingLog, silentLog } from '../../support/engine/log.js'
import { scaled } from '../../support/engine/pace.js'
import { type Holder, startHolder } from '../../support/processes/holder-process.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const isRoot = process.getuid?.() === 0
const asRoot = isRoot ? test : test.skip

const nobody = { name: 'nobody', uid: idOf('-u'), gid: idOf('-g') }

function idOf(flag: string): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
}

let folder: string
let dataDir: string
const running: { stop(): Promise<void> }[] = []

/** For all the tests of this file. */
let shared: string
/** A DATA_DIR that was started and stopped once: a copy of it saves a test from making its own, a second each. */
let made: string

beforeAll(async () => {
  shared = await temporaryFolder('embedded-postgres')
  made = join(shared, 'made')
  const server = await startEmbeddedPostgres({
    dataDir: made,
    log: silentLog,
    systemFolder: join(shared, 'system'),
  })
  await server.stop()
  await rm(join(made, 'postgres.json'))
})

afterAll(() => rm(shared, { recursive: true }))

function useMade(): void {
  execFileSync('cp', ['-a', made, dataDir])
}

beforeEach(async () => {
  folder = await temporaryFolder('embedded-postgres')
  dataDir = join(folder, '.loadcast')
})

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
  await rm(folder, { recursive: true })
})

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const systemFolder = join(shared, 'system')
  const settings = NO_FSYNC
  const server = await startEmbeddedPostgres({ dataDir, log: silentLog, systemFolder, settings, ...options })
  running.push(server)
  return server
}

async function holder(as?: { uid: number; gid: number }): Promise<Holder> {
  const started = await startHolder(dataDir, as)
  running.push(started)
  return started
}

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connectionString)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const postmasterPid = async (data: string) =>
  Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0])

/** What a server left in its data folder, and when. */
async function contents(data: string): Promise<string[]> {
  const names = await readdir(data, { recursive: true })
  const entries = names.sort().map(async name => {
    const { mtimeMs, size } = await stat(join(data, name))
    return `${name} ${size} ${mtimeMs}`
  })
  return Promise.all(entries)
}

test('a first start creates a database, a second finds it within three seconds, on the same port', async () => {
  const first = await start()
  await query(first.connectionString, 'create table kept ()')
  await first.stop()
  const before = Date.now()
  const second = await start()
  expect(Date.now() - before).toBeLessThan(scaled(3_000))
  expect(await query(second.connectionString, 'select * from kept')).toEqual([])
  expect(second.connectionString).toBe(first.connectionString)
})

test('other processes find the running server, and need its password to connect', async () => {
  useMade()
  expect(await findEmbeddedPostgres(dataDir)).toBeUndefined()
  const server = await start()
  const found = await findEmbeddedPostgres(dataDir)
  expect(found).toBe(server.connectionString)
  const wrong = new URL(server.connectionString)
  wrong.password = 'guess'
  await expect(query(wrong.href, 'select')).rejects.toThrow('password authentication failed')
  expect((await stat(join(dataDir, 'postgres.json'))).mode & 0o077).toBe(0)
  await server.stop()
  expect(await findEmbeddedPostgres(dataDir)).toBeUndefined()
})

test('the server sorts by code point, counts in UTC, uses UTF-8 and keeps its commits', async () => {
  useMade()
  const { connectionString } = await start({ settings: {} })
  const settings = await query(
    connectionString,
    `select datcollate, pg_encoding_to_char(encoding) as encoding, current_setting('timezone') as timezone,
       current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
       current_setting('listen_addresses') as listen_addresses
     from pg_database where datname = current_database()`,
  )
  expect(settings).toEqual([
    {
      datcollate: 'C',
      encoding: 'UTF8',
      timezone: 'UTC',
      fsync: 'on',
      synchronous_commit: 'on',
      listen_addresses: '127.0.0.1',
    },
  ])
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('the server has the settings of its allocator in its environment, and nothing of ours', async () => {
  useMade()
  const server = await start()
  const environment = await readFile(`/proc/${await postmasterPid(server.dataDir)}/environ`, 'utf8')
  const names = environment.split('\0').map(entry => entry.split('=')[0])
  expect(names.filter(name => name !== '').sort()).toEqual([
    'MALLOC_MMAP_THRESHOLD_',
    'MALLOC_TOP_PAD_',
    'MALLOC_TRIM_THRESHOLD_',
  ])
})

describe('after kill -9', () => {
  beforeEach(useMade)

  async function killed(): Promise<{ connectionString: string; dataDir: string }> {
    const one = await startHolder(dataDir)
    if (one.answer.error !== undefined) throw new Error(one.answer.error)
    await query(one.answer.connectionString, 'create table kept ()')
    await one.kill('SIGKILL')
    return one.answer
  }

  test('a server that was left running is taken over, and stopped at the end', async () => {
    const left = await killed()
    const pid = await postmasterPid(left.dataDir)
    expect(await findEmbeddedPostgres(dataDir)).toBe(left.connectionString)
    const log = recordingLog()
    const server = await start({ log })
    expect(log.lines.join()).toContain(`(process ${pid}) that an earlier start left running`)
    expect(await postmasterPid(server.dataDir)).toBe(pid)
    expect(await query(server.connectionString, 'select * from kept')).toEqual([])
    await server.stop()
    expect(serverProcesses(left.dataDir, pid)).toEqual([])
  })

  test('a killed server is started again on its data', async () => {
    const left = await killed()
    const pid = await postmasterPid(left.dataDir)
    process.kill(pid, 'SIGKILL')
    const server = await start()
    expect(await postmasterPid(server.dataDir)).not.toBe(pid)
    expect(await query(server.connectionString, 'select * from kept')).toEqual([])
  })

  test('a pid file with the number of another process does not stop the start', async () => {
    const { dataDir: data, stop } = await start()
    await stop()
    const { uid, gid } = await stat(data)
    // Of the same user: of another's Postgres itself sees that it cannot be its own.
    const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' })
    await once(other, 'spawn')
    await writeFile(join(data, 'postmaster.pid'), `${other.pid}\n${data}\n1\n5432\n\n127.0.0.1\n0 0\nready\n`)
    try {
      expect(await findEmbeddedPostgres(dataDir)).toBeUndefined()
      const server = await start()
      expect(await query(server.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
    } finally {
      other.kill()
    }
  })
})

describe('two starts at once', () => {
  test('one wins, the other names the process that holds the data', async () => {
    const both = await Promise.all([holder(), holder()])
    const [winner, loser] = both[0].answer.error === undefined ? both : both.toReversed()
    expect(winner?.answer).toHaveProperty('connectionString')
    expect(loser?.answer).toEqual({
      error: expect.stringContaining(`process ${winner?.pid} runs its Postgres`),
    })
  })

  test('a second one in the same process is refused too, until the first has stopped', async () => {
    useMade()
    const first = await start()
    await expect(start()).rejects.toMatchObject({ name: 'EmbeddedPostgresError', pid: process.pid })
    await first.stop()
    await start()
  })
})

test('Ctrl-C in a terminal reaches only the holder, which can still commit', async () => {
  useMade()
  const one = await startHolder(dataDir)
  await one.kill('SIGINT', 'group')
  const { connectionString } = await start()
  expect(await query(connectionString, 'select * from drained')).toEqual([])
})

test('data of another major version are refused with both versions named, and left unchanged', async () => {
  useMade()
  const { dataDir: data, stop } = await start()
  await stop()
  await writeFile(join(data, 'PG_VERSION'), '17\n')
  const before = await contents(data)
  await expect(start()).rejects.toThrow(
    /made by Postgres 17\. This release contains Postgres 18.*not changed/,
  )
  expect(await contents(data)).toEqual(before)
})

test('a folder without Postgres data is refused and left unchanged', async () => {
  const data = join(dataDir, 'postgres', 'data')
  await mkdir(data, { recursive: true })
  await writeFile(join(data, 'diary.txt'), 'mine')
  await expect(start()).rejects.toThrow('is not a data folder of Postgres')
  expect(await readdir(data)).toEqual(['diary.txt'])
})

test('a DATA_DIR that cannot be created gives a clear message', async () => {
  await writeFile(join(folder, 'file'), '')
  await expect(start({ dataDir: join(folder, 'file', 'data') })).rejects.toThrow(/DATA_DIR .* cannot be made/)
})

test('a server that fails to start reports the reason from its own log', async () => {
  useMade()
  await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(/did not start.*plenty/s)
  await start()
})

describe('as root', () => {
  const reason = isRoot ? '' : ' (skipped: the tests do not run as root)'

  asRoot(
    `a folder that only root may enter: data and binaries move to where others may${reason}`,
    async () => {
      const shut = join(folder, 'shut')
      await mkdir(shut, { mode: 0o700 })
      const { folder: native, version } = await resolveBinaries()
      await cp(native, join(shut, 'native'), { recursive: true, verbatimSymlinks: true })
      const system = join(folder, 'system')
      const options = {
        dataDir: join(shut, '.loadcast'),
        systemFolder: system,
        binaries: { folder: join(shut, 'native'), version },
      }

      const log = recordingLog()
      const first = await start({ ...options, log })
      expect(dirname(dirname(first.dataDir))).toBe(system)
      expect(log.lines.join('\n')).toContain(`data are in ${dirname(first.dataDir)}`)
      expect(await findEmbeddedPostgres(options.dataDir)).toBe(first.connectionString)
      await query(first.connectionString, 'create table kept ()')
      await first.stop()

      await chmod(shut, 0o755) // a place once chosen is kept
      const second = await start(options)
      expect(second.dataDir).toBe(first.dataDir)
      expect(await query(second.connectionString, 'select * from kept')).toEqual([])
      await second.stop()

      await chmod(shut, 0o700)
      await rm(options.dataDir, { recursive: true }) // deleted data do not come back
      const third = await start(options)
      expect(third.dataDir).not.toBe(first.dataDir)
      const names = await readdir(system)
      expect(names.filter(name => name.startsWith('postgres-'))).toHaveLength(1)
    },
  )

  asRoot(`a place that others could have planted is refused${reason}`, async () => {
    const shut = join(folder, 'shut')
    await mkdir(shut, { mode: 0o700 })
    const systemFolder = join(folder, 'system')
    await mkdir(systemFolder)
    await chmod(systemFolder, 0o777)
    await expect(start({ dataDir: join(shut, '.loadcast'), systemFolder })).rejects.toThrow(
      'may have planted it',
    )
  })

  asRoot(`data that an ordinary user made are run as that user${reason}`, async () => {
    useMade()
    execFileSync('chown', ['-R', `${nobody.uid}:${nobody.gid}`, dataDir])
    const { dataDir: data } = await start()
    const pid = await postmasterPid(data)
    expect((await stat(`/proc/${pid}`)).uid).toBe(nobody.uid)
  })
})

/** Root becomes an ordinary user for a child process; anybody else is one already, for all the tests above. */
const whyNotOrdinary = !isRoot
  ? 'all the other tests run as one'
  : (await canReach(nobody, { folders: [process.cwd()], files: [process.execPath] }))
    ? undefined
    : 'an ordinary user may not enter this checkout'
const asOrdinary = whyNotOrdinary === undefined ? test : test.skip

asOrdinary(
  `an ordinary user starts it${whyNotOrdinary === undefined ? '' : ` (skipped: ${whyNotOrdinary})`}`,
  async () => {
    await chown(folder, nobody.uid, nobody.gid)
    await chmod(folder, 0o700)
    const { answer } = await holder(nobody)
    if (answer.error !== undefined) throw new Error(answer.error)
    expect(await query(answer.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
    const pid = await postmasterPid(answer.dataDir)
    expect((await stat(`/proc/${pid}`)).uid).toBe(nobody.uid)
  },
)
