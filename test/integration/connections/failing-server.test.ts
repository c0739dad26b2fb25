import { spawnSync } from 'node:child_process'
import { chown, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { withResolvers } from '../../../src/concurrency/with-resolvers.js'
import { callEverything, expectNoFault, refused } from '../../support/connections/everything.js'
import {
  DATABASE,
  type FailingServer,
  PASSWORD,
  ROLE,
  startFailingServer,
} from '../../support/connections/failing-server.js'
import { until } from '../../support/engine/engine.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'
import { noteSkip } from '../../support/redis/redis-server.js'
import { type Answer, call, createClient, listen } from '../../support/server/clients.js'
import { asking } from '../../support/server/fleet.js'
import { tokenFor } from '../../support/server/tokens.js'

/*
 * A real Postgres fails as it does in production. Callers get UNAVAILABLE with Retry-After, never a 500. /health reports the
 * failure and its cause, and afterwards everything works without a restart.
 */

/** A commit is resent for 8 s, and callers are refused after 15 s. */
const PATIENCE_MS = 60_000

let server: FailingServer

beforeAll(async () => {
  server = await startFailingServer()
})
afterAll(() => server?.close())

const health = () => call(server.app.url, 'GET', '/health')

let customers = 0
async function createOne(): Promise<Answer> {
  const customer = await createClient(server.app.url, 'customer', `later-${++customers}`)
  return customer.post('/api/v1/broadcasts', asking(1))
}

async function recovers(): Promise<void> {
  await until(async () => {
    const answer = await createOne()
    expectNoFault([['create', answer]])
    return answer.status === 201
  })
  await until(async () => (await health()).body.status !== 'down', PATIENCE_MS)
  const answers = await callEverything(server.app.url)
  expect(answers.filter(([, { status }]) => status >= 500)).toEqual([])
}

interface Weather {
  readonly name: string
  /** The SQLSTATE that `/health` shows. */
  readonly code: string
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

const WEATHER: readonly Weather[] = [
  {
    name: 'has become read-only, its connections still open',
    code: '25006',
    async begin() {
      await server.admin('alter system set default_transaction_read_only = on')
      await server.admin('select pg_reload_conf()')
      await until(async () => {
        const { rows } = await server.inDatabase(
          "select setting from pg_file_settings where name = 'default_transaction_read_only'",
        )
        return rows.at(-1)?.setting === 'on'
      })
    },
    async end() {
      await server.admin('alter system reset default_transaction_read_only')
      await server.admin('select pg_reload_conf()')
    },
  },
  {
    name: 'gives the role no connection',
    code: '53300',
    async begin() {
      await server.admin(`alter role ${ROLE} connection limit 0`)
      await server.terminate()
    },
    end: () => server.admin(`alter role ${ROLE} connection limit -1`),
  },
  {
    name: 'no longer lets the role log in',
    code: '28000',
    async begin() {
      await server.admin(`alter role ${ROLE} nologin`)
      await server.terminate()
    },
    end: () => server.admin(`alter role ${ROLE} login`),
  },
  {
    name: 'wants another password',
    code: '28P01',
    async begin() {
      await server.admin(`alter role ${ROLE} password 'another'`)
      await server.terminate()
    },
    end: () => server.admin(`alter role ${ROLE} password '${PASSWORD}'`),
  },
  {
    name: 'takes no connections to the database',
    code: '55000',
    async begin() {
      await server.admin(`alter database ${DATABASE} allow_connections false`)
      await server.terminate()
    },
    end: () => server.admin(`alter database ${DATABASE} allow_connections true`),
  },
  {
    name: 'has the database under another name',
    code: '3D000',
    async begin() {
      await server.admin(`alter database ${DATABASE} allow_connections false`)
      await until(async () => {
        await server.terminate()
        return await server.admin(`alter database ${DATABASE} rename to elsewhere`).then(
          () => true,
          () => false,
        )
      })
    },
    async end() {
      await server.admin(`alter database elsewhere rename to ${DATABASE}`)
      await server.admin(`alter database ${DATABASE} allow_connections true`)
    },
  },
]

describe('R13.1 when Postgres', () => {
  test.each(WEATHER)(
    '$name: 503, health degraded or down, and recovery without help',
    async ({ code, begin, end }) => {
      await recovers()
      await begin()
      try {
        const answers = await callEverything(server.app.url)
        expectNoFault(answers)
        expect(refused(answers)).toEqual(
          expect.arrayContaining(['create', 'driver added', 'device', 'refresh']),
        )
        // The last result is cached for a second.
        await until(async () => (await health()).body.status !== 'ok')
        // Again, since now every connection is new.
        const again = await callEverything(server.app.url)
        expectNoFault(again)
        expect(refused(again)).toContain('list')
        await until(async () => (await health()).body.checks.postgres.failing?.[code] > 0, PATIENCE_MS)
      } finally {
        await end()
      }
      await recovers()
    },
  )

  test('has tables locked for longer than the statement timeout: 503, then recovery', async () => {
    await recovers()
    const hold = server.inDatabase(
      'begin; lock table instances, users, drivers, vehicles, devices in access exclusive mode; select pg_sleep(9); commit',
    )
    await until(async () => {
      const { rows } = await server.inDatabase(
        "select count(*)::int as held from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'devices'::regclass",
      )
      return rows[0].held === 1
    })
    const answers = await callEverything(server.app.url)
    expectNoFault(answers)
    expect(refused(answers)).toEqual(expect.arrayContaining(['list', 'device']))
    await hold
    await recovers()
  })
})

test('sockets get the same answers, at the handshake and for their messages', async () => {
  const { url } = server.app
  const token = await tokenFor('customer', 'on-a-socket')
  const listener = await listen(url, token)
  await server.admin(`alter role ${ROLE} nologin`)
  await server.terminate()
  try {
    const answer = await listener.send('watch', { broadcastId: '01890a5d-ac96-774b-bcce-b302099a8057' })
    expect(answer).toMatchObject({ code: 'UNAVAILABLE', status: 503 })
    const refusal = await listen(url, await tokenFor('customer', 'not-yet')).catch(error => error)
    expect(refusal.data).toMatchObject({ code: 'UNAVAILABLE', status: 503 })
  } finally {
    await server.admin(`alter role ${ROLE} login`)
    listener.close()
  }
  await recovers()
})

/** Codes that cannot be caused on a live server; a trigger raises them where they would occur. */
describe('R13.1 when a write is answered with SQLSTATE', () => {
  beforeAll(async () => {
    await server.inDatabase(`
      create table weather (code text);
      create function bad_weather() returns trigger language plpgsql as $$
      declare bad text := (select code from weather);
      begin
        if bad is not null then raise exception 'bad weather' using errcode = bad; end if;
        return new;
      end $$;
      grant select on weather to ${ROLE};
      create trigger weather before insert or update on loadcast.instances for each row execute function bad_weather();
      create trigger weather before insert or update on drivers for each row execute function bad_weather();
      create trigger weather before insert or update on devices for each row execute function bad_weather()`)
  })
  afterAll(() => server.inDatabase('drop function bad_weather cascade; drop table weather'))

  test.each(['53100', '53200', '53400', '54000', '58030', '58P01', 'F0000', 'XX000', 'XX001', '42501'])(
    '%s: 503 at once',
    async code => {
      await server.inDatabase(`delete from weather; insert into weather values ('${code}')`)
      const answers = await callEverything(server.app.url)
      await server.inDatabase('delete from weather')
      expectNoFault(answers)
      expect(refused(answers)).toEqual(expect.arrayContaining(['create', 'device']))
      if (code !== '54000') {
        await until(async () => (await health()).body.checks.postgres.failing?.[code] > 0)
        expect((await health()).body.status).toBe('degraded')
      }
    },
  )

  test.each(['08006', '25006', '25P03', '28000', '40001', '40P01', '55P03', '57014', '57P03'])(
    '%s for a while: callers that are not served get 503',
    async code => {
      await server.inDatabase(`delete from weather; insert into weather values ('${code}')`)
      const device = withResolvers<void>()
      const calls = callEverything(server.app.url, name => {
        if (name === 'device') device.resolve()
      })
      await Promise.race([device.promise, calls])
      await server.inDatabase('delete from weather')
      const answers = await calls
      expectNoFault(answers)
      expect(refused(answers)).toContain('device')
      // The engine has retried it until it succeeded.
      expect(answers.find(([name]) => name === 'create')?.[1].status).toBe(201)
    },
  )
})

test('health recovers after it', async () => {
  await until(async () => (await health()).body.status === 'ok', PATIENCE_MS)
})

describe('R13.1 when the disk is full', () => {
  test('no call gets 500, health reports it, and work continues once there is room', async () => {
    const folder = join(await temporaryFolder('small-disk'), 'disk')
    await mkdir(folder)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
    if (mounted.status !== 0) return await noteSkip('no tmpfs can be mounted: no disk is filled')
    try {
      const { uid, gid } = await stat(server.postgres.dataDir)
      await mkdir(join(folder, 'data'))
      await chown(join(folder, 'data'), uid, gid)
      await server.admin(`create tablespace small location '${join(folder, 'data')}'`)
      await server.inDatabase('alter table loadcast.journal_first set tablespace small')
      await server.inDatabase('create table filling (filler text) tablespace small')
      await until(async () => {
        const filled = server.inDatabase(
          "insert into filling select repeat('x', 1000) from generate_series(1, 100)",
        )
        return await filled.then(
          () => false,
          error => error.code === '53100',
        )
      })
      // For some time, rows of the journal still fit into existing pages.
      await until(async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, createOne))
        expectNoFault(answers.map(answer => ['create', answer] as const))
        return answers.every(({ status }) => status === 503)
      })
      // The last result is cached for a second.
      await until(async () => (await health()).body.status === 'degraded', PATIENCE_MS)
      expect((await health()).body.checks.postgres).toMatchObject({
        failing: { '53100': expect.any(Number) },
      })
      await server.inDatabase('drop table filling')
      await recovers()
      await server.inDatabase('alter table loadcast.journal_first set tablespace pg_default')
      await server.admin('drop tablespace small')
    } finally {
      spawnSync('umount', ['-l', folder])
    }
  })
})
