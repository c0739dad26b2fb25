import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
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
import { call, createClient } from '../../support/clients.js'
import { repositoryRoot } from '../../support/import-rules.js'
import { startTestApp, type TestApp } from '../../support/server.js'
import { tokenFor } from '../../support/tokens.js'

/*
 * Every route × command × everyone who could call it, held against docs/authorization.md as it is committed. The scene
 * is shared where nothing may happen; whoever may do something gets one of its own.
 */

let app: TestApp
let shared: Scene

beforeAll(async () => {
  app = await startTestApp({ env: { BROADCAST_TIMEOUT_SECONDS: '3600', REACH_STEP_SECONDS: '3600' } })
  shared = await createScene(app)
})
afterAll(() => app.close())

const roles = ['customer', 'transporter', 'driver', 'admin'] as const
const table = new Map(
  readFileSync(join(repositoryRoot, 'docs/authorization.md'), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => {
      const [name = '', ...cells] = line
        .split('|')
        .map(cell => cell.trim())
        .slice(1, -1)
      return [name, Object.fromEntries(roles.map((role, i) => [role, cells[i] ?? '']))] as const
    }),
)

const rows = routes.flatMap(route =>
  route.commands.map(command => ({ route, command, name: nameOf(route, command) })),
)

function nameOf(route: (typeof routes)[number], command: string): string {
  const variant = route.commands.length > 1 ? ` \`${wordOf(command)}\`` : ''
  return `\`${route.method.toUpperCase()} ${route.path}\`${variant}`
}

/** Who stands in the relation that a cell names. */
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

  test.each(rows)('$name: without a valid token 401, turned off 403', async ({ route, command }) => {
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
