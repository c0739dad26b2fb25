/* Steps of the recipes in CONTRIBUTING.md that nothing else would miss. A failure here names the step that was forgotten. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { z } from 'zod'
import { broadcastSubject } from '../../../scripts/subjects/broadcast.js'
import { routes } from '../../../src/adapters/http/routes.js'
import type * as client from '../../../src/client/index.js'
import { access } from '../../../src/dispatch/access.js'
import { type SocketEvent, socketEventTypes } from '../../../src/dispatch/announcements/socket-events.js'
import type { Asked } from '../../../src/dispatch/broadcasts/create.js'
import * as requests from '../../../src/dispatch/requests.js'
import {
  type BroadcastStatus,
  broadcastCommands,
  broadcastMachine,
  type UserCommandType,
} from '../../../src/machines/index.js'
import { repositoryRoot, sourceFiles } from '../../support/house/import-rules.js'
import { holds, type Same } from '../../support/server/client-schemas.js'

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')

// A command of the machine that users may send has a body, and the client can send it.
holds<
  Same<requests.BroadcastEvent['type'] | `trip.${requests.TripEvent['type']}`, UserCommandType | 'decline'>
>()
holds<Same<client.BroadcastEvent['type'], requests.BroadcastEvent['type']>>()
holds<Same<client.TripEvent['type'], requests.TripEvent['type']>>()
// What callers may ask for is what the machine takes.
holds<Same<keyof Asked, keyof requests.CreateBroadcast | 'kind'>>()
// Lists can be filtered by each status.
holds<Same<NonNullable<z.infer<typeof requests.broadcastsQuery>['status']>, BroadcastStatus>>()
holds<Same<client.LoadcastEvent['type'], SocketEvent>>()

describe('a switch over a union', () => {
  /** Over the words of others, of which there may be more: the kinds of zod's schemas, the events of another release. */
  const OPEN = ['src/runtime/definitions/checks/schemas.ts', 'src/adapters/socket/cluster/old-rooms.ts']

  it('has no default that lets a new member pass in silence', () => {
    const silent = sourceFiles('src').filter(({ text }) =>
      [...text.matchAll(/^ +default:((?:\n.*){3})/gm)].some(
        ([, lines = '']) => !/throw |satisfies never|#refuse\(/.test(lines),
      ),
    )
    expect(silent.map(({ path }) => path).sort()).toEqual(OPEN.sort())
  })
})

describe('a command', () => {
  it('is sent by the race kit', () => {
    const sent = fc.sample(broadcastSubject.commands, { numRuns: 1_000, seed: 1 }).map(({ type }) => type)
    expect([...new Set(sent)].sort()).toEqual(Object.keys(broadcastCommands).sort())
  })

  it('has a route that names it, for the documents', () => {
    const named = new Set<string>(routes.flatMap(route => route.commands))
    expect(Object.keys(access).filter(command => !named.has(command))).toEqual([])
  })

  it('has a call in the client and a test of dispatch', () => {
    const calls = read('src/client/api.ts')
    const tests = sourceFiles('test/integration/dispatch')
      .map(({ text }) => text)
      .join('\n')
    const sent = requests.broadcastEvent.options.map(({ shape }) => `type: '${shape.type.value}'`)
    expect(sent.filter(type => !calls.includes(type))).toEqual([])
    expect(sent.filter(type => !tests.includes(type))).toEqual([])
  })
})

describe('an event to a client', () => {
  it('is explained in docs/CLIENT.md', () => {
    const text = read('docs/CLIENT.md')
    expect(socketEventTypes.filter(type => !text.includes(`| \`${type}\` |`))).toEqual([])
  })
})

describe('a state of the request that seeks', () => {
  it('is in each statement that asks whether a request seeks', () => {
    const seeking = Object.keys(broadcastMachine.states.lifecycle?.states.seeking?.states ?? {})
    const asking = sourceFiles('src/adapters/postgres').filter(({ text }) =>
      seeking.some(state => text.includes(`'${state}'`)),
    )
    expect(asking.length).toBeGreaterThan(2)
    for (const { path, text } of asking) {
      const missing = seeking.filter(state => !text.includes(`'${state}'`))
      expect([path, missing]).toEqual([path, []])
    }
  })
})

describe('an index', () => {
  /** The last migrations that are older than this rule. */
  const OLDER = ['migrations/0031_keys_of_people.sql', 'migrations/engine/0003_room_for_instance.sql']

  it('of a new migration is named by a test of the plan that needs it', () => {
    const tests = [...sourceFiles('test/integration/postgres'), ...sourceFiles('test/integration/socket')]
      .map(({ text }) => text)
      .join('\n')
    const migrations = ['migrations', 'migrations/engine'].flatMap((folder, i) =>
      readdirSync(join(repositoryRoot, folder))
        .map(file => `${folder}/${file}`)
        .filter(path => path.endsWith('.sql') && path > (OLDER[i] ?? '')),
    )
    for (const path of migrations) {
      const made = [...read(path).matchAll(/create (?:unique )?index (\w+)/g)].map(([, name = '']) => name)
      const unnamed = made.filter(name => !new RegExp(`\\b${name}\\b`).test(tests))
      expect([path, unnamed]).toEqual([path, []])
    }
  })
})

describe('a database', () => {
  const stores = sourceFiles('src/adapters').filter(({ path }) => path.endsWith('/store.ts'))
  const names = [...new Set(stores.map(({ path }) => path.split('/')[2] ?? ''))]

  it.each(names)('%s is held against the contract and raced, exported and documented', name => {
    expect(existsSync(join(repositoryRoot, `test/integration/contracts/${name}-store.test.ts`))).toBe(true)
    expect(read('test/integration/testing/targets.test.ts')).toContain(`/adapters/${name}/`)
    expect(Object.keys(JSON.parse(read('package.json')).exports)).toContain(`./${name}`)
    expect(read('docs/OPERATIONS.md').toLowerCase()).toContain(name)
  })
})

describe('the recipes', () => {
  it('name tests by titles that they have', () => {
    const cited = [...read('CONTRIBUTING.md').matchAll(/`((?:unit|integration|e2e)\/[\w/-]+)`: ([^;|(]+)/g)]
    expect(cited.length).toBeGreaterThan(20)
    const wrong = cited.filter(
      ([, name = '', title = '']) => !read(`test/${name}.test.ts`).includes(title.trim()),
    )
    expect(wrong.map(([text]) => text)).toEqual([])
  })
})
