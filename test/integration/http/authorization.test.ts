import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { ROLES, type Role } from '../../../src/dispatch/person.js'
import {
  type Actor,
  actors,
  bodyFor,
  clientOf,
  createScene,
  pathIn,
  roleOf,
  routes,
  type Scene,
  send,
  wordOf,
} from '../../support/api/scene.js'
import { until } from '../../support/engine/engine.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { call, createClient, listen } from '../../support/server/clients.js'
import { tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

/*
 * Calls every route × command × role and compares it with docs/authorization.md as committed. Callers that may change
 * something get their own scene; the others share one. Then it repeats this with the `sub` of each of them in every
 * other role, over HTTP and on sockets.
 */

let shared: Scene

const app = await useTestApp({ env: { BROADCAST_TIMEOUT_SECONDS: '3600', REACH_STEP_SECONDS: '3600' } })

beforeAll(async () => {
  shared = await createScene(app)
})

const table = new Map(
  readFileSync(join(repositoryRoot, 'docs/authorization.md'), 'utf8')
    .split('\n')
    .filter(line => /^\| `(GET|POST|PUT|DELETE) /.test(line))
    .map(line => {
      const [name = '', ...cells] = line
        .split('|')
        .map(cell => cell.trim())
        .slice(1, -1)
      return [
        name,
        Object.fromEntries([...ROLES, 'another'].map((role, i) => [role, cells[i] ?? ''])),
      ] as const
    }),
)

const rows = routes.flatMap(route =>
  route.commands.map(command => ({ route, command, name: nameOf(route, command) })),
)

/** Reads come first, so that nobody has anything of its own yet. Logouts come last: they end the callers' tokens. */
const placeOf = ({ route }: (typeof rows)[number]) =>
  route.method === 'get' ? 0 : route.path.endsWith('/auth/logout') ? 2 : 1
const readsFirst = rows.toSorted((a, b) => placeOf(a) - placeOf(b))

function nameOf(route: (typeof routes)[number], command: string): string {
  const variant = route.commands.length > 1 ? ` \`${wordOf(command)}\`` : ''
  return `\`${route.method.toUpperCase()} ${route.path}\`${variant}`
}

/** The caller in the relation that a cell names. */
const relations: Readonly<Record<string, readonly Actor[]>> = {
  yes: actors,
  any: actors,
  'own, else 404': ['customer', 'party'],
  'own or new, else 409': ['party'],
  'offered or with a trip on it, else 404': ['party', 'offered', 'driver'],
  'invited or in it, else 404': ['driver'],
  'its trip, else 404': ['customer', 'party', 'driver'],
}

const allowed = 'allowed'

/** What the table says of a stranger in this role: its last column, by which another role of the same `sub` is answered. */
function expectedOfTwin(name: string, role: Role): string | number {
  const cell = table.get(name)?.another
  if (cell === undefined) throw new Error(`docs/authorization.md has no row ${name}`)
  const found = cell.split('; ').find(part => part.split(': ')[0]?.split(', ').includes(role))
  const outcome = found?.split(': ')[1]
  if (outcome === undefined) return 403
  return /^\d+$/.test(outcome) ? Number(outcome) : outcome
}

/** What the table says will happen: a status, or that it is decided on its merits. */
function expectedOf(name: string, actor: Actor): string | number {
  const cell = table.get(name)?.[roleOf[actor]]
  if (cell === undefined) throw new Error(`docs/authorization.md has no row ${name}`)
  if (cell === '403') return 403
  const related = relations[cell]
  if (related === undefined) throw new Error(`Unknown cell "${cell}" in the row ${name}`)
  if (related.includes(actor)) return allowed
  return cell.endsWith('409') ? 409 : 404
}

describe('the table of authorization', () => {
  test('has a row for every command of every route, and no other', () => {
    expect([...table.keys()].sort()).toEqual(rows.map(row => row.name).sort())
  })

  // A logout ends the sessions of these for all rows that follow: sessions.test.ts.
  test.each(rows.filter(({ command }) => command !== 'logout'))(
    '$name: without a valid token 401, turned off 403',
    async ({ route, command }) => {
      const role = route.roles[0] ?? 'admin'
      const path = pathIn(shared, route)
      const body = bodyFor(shared, route, command, 'party')
      const answers = await Promise.all(
        [undefined, 'not.a.token', await tokenFor(role, 'someone', -1_000)].map(token =>
          call(app.url, route.method.toUpperCase(), path, {
            headers: {
              'content-type': 'application/json',
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        ),
      )
      expect(answers.map(answer => [answer.status, answer.body.code])).toEqual(
        answers.map(() => [401, 'UNAUTHENTICATED']),
      )
      const off = await createClient(app.url, role, `off-${role}`)
      await shared.admin.put(`/api/v1/admin/users/${role}/${off.id}`, { active: false })
      const refused = await send(off, route, path, body)
      expect([refused.status, refused.body.code]).toEqual([403, 'USER_INACTIVE'])
    },
  )

  // A logout ends the sessions of these for the rows that follow: sessions.test.ts has it.
  test.each(readsFirst.filter(({ command }) => command !== 'logout'))(
    'R11.1 $name: another role of the same sub gets the same as a stranger',
    async ({ route, command, name }) => {
      for (const actor of actors) {
        for (const role of ROLES.filter(other => other !== roleOf[actor])) {
          const expected = expectedOfTwin(name, role)
          // What an admin may do it may do whatever its id.
          if (expected === 'any' && role === 'admin' && route.method !== 'get') continue
          const twin = await createClient(app.url, role, clientOf(shared, actor).id)
          const body = bodyFor(shared, route, command, actor)
          const answer = await send(twin, route, pathIn(shared, route), body)
          const said = [actor, role, answer.status, answer.body?.code]
          if (typeof expected === 'number') {
            const code = { 403: 'FORBIDDEN', 404: 'NOT_FOUND' }[expected] ?? expect.stringMatching(/_TAKEN$/)
            expect(said).toEqual([actor, role, expected, code])
          } else if (answer.status >= 300) {
            expect([...said.slice(0, 2), [...(route.problems ?? []), 'NOT_FOUND']]).toEqual([
              actor,
              role,
              expect.arrayContaining([answer.body.code]),
            ])
          } else if (expected === 'its own' && route.method === 'get') {
            expect([actor, role, ownIn(answer.body)]).toEqual([actor, role, []])
          }
        }
      }
    },
  )

  test('R11.1 on sockets: another role of the same sub gets the same as a stranger, and only its own events', async () => {
    const scene = await createScene(app)
    const people = (['customer', 'party', 'offered', 'driver'] as const).map(actor => clientOf(scene, actor))
    const twins = await Promise.all(
      people.flatMap(person =>
        ROLES.filter(role => role !== person.role).map(async role => {
          const listener = await listen(app.url, await tokenFor(role, person.id))
          return { name: `${person.id} as ${role}`, role, listener }
        }),
      ),
    )
    const own = await listen(app.url, scene.customer.token)
    for (const { name, role, listener } of twins) {
      const readsAll = expectedOfTwin('`GET /api/v1/broadcasts/:id`', role) === 'any'
      const watched = await listener.send('watch', { broadcastId: scene.id })
      expect([name, watched.code ?? watched.ok]).toEqual([name, readsAll ? true : 'NOT_FOUND'])
      if (readsAll) await listener.send('unwatch', { broadcastId: scene.id })
    }
    await scene.customer.post(`/api/v1/broadcasts/${scene.id}/events`, { type: 'cancel' })
    await own.next('booking_updated', event => event.data.status === 'cancelled')
    await until(async () => (await app.query('select from outbox')).length === 0)
    for (const { name, role, listener } of twins) {
      const beat = await listener.send('heartbeat', { lat: 28.6, lng: 77.2 })
      const expected = role === 'transporter' ? undefined : role === 'driver' ? 'NOT_FOUND' : 'FORBIDDEN'
      expect([name, beat.code]).toEqual([name, expected])
      expect([name, listener.events]).toEqual([name, []])
      listener.close()
    }
    own.close()
  })

  test.each(rows)('$name: to each what the table says', async ({ route, command, name }) => {
    for (const actor of actors) {
      const expected = expectedOf(name, actor)
      const scene = expected === allowed && route.method !== 'get' ? await createScene(app) : shared
      const answer = await send(
        clientOf(scene, actor),
        route,
        pathIn(scene, route),
        bodyFor(scene, route, command, actor),
      )
      const code = answer.body?.code
      if (expected === 403) expect([actor, answer.status, code]).toEqual([actor, 403, 'FORBIDDEN'])
      else if (expected === 404) expect([actor, answer.status, code]).toEqual([actor, 404, 'NOT_FOUND'])
      else if (expected === 409)
        expect([actor, answer.status, code]).toEqual([actor, 409, expect.stringMatching(/_TAKEN$/)])
      else if (answer.status >= 300) {
        // Decided on its merits, in the words of the route's own problems: never as if it did not exist.
        expect([actor, answer.status, route.problems ?? []]).toEqual([
          actor,
          expect.any(Number),
          expect.arrayContaining([code]),
        ])
        expect(answer.status).toBeGreaterThanOrEqual(409)
      }
    }
  })
})

/** The people in a list or a resume. */
function ownIn(body: {
  items?: readonly unknown[]
  events?: readonly unknown[]
  broadcasts?: readonly unknown[]
}) {
  return [...(body.items ?? []), ...(body.events ?? []), ...(body.broadcasts ?? [])]
}
