import { describe, expect, test } from '@jest/globals'
import { parseIfMatch } from '../../../src/adapters/http/conditional.js'
import {
  type CheckName,
  checkNames,
  createHealth,
  type HealthCheck,
} from '../../../src/adapters/http/health.js'
import type { Context } from '../../../src/adapters/http/route.js'
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'
import { cut, expectedProblem, invalid } from '../../../src/dispatch/border.js'
import {
  InvalidEventError,
  OverloadedError,
  StoreUnavailableError,
  UnknownInstanceError,
} from '../../../src/runtime/errors.js'

describe('the registry of routes', () => {
  test('names every route once', () => {
    const names = [...routes, ...publicRoutes].map(route => `${route.method} ${route.path}`)
    expect(new Set(names).size).toBe(names.length)
  })

  test.each(routes)(
    '$method $path names the roles that may call it, and parses every part of its path',
    route => {
      expect(route.path).toMatch(/^\/api\/v1\//)
      expect(route.roles.length).toBeGreaterThan(0)
      expect(route.summary).not.toBe('')
      const named = [...route.path.matchAll(/:(\w+)/g)].map(match => match[1])
      const isTaken = (id: string, more = {}) =>
        route.params?.safeParse({
          ...Object.fromEntries(named.map(name => [name, name === 'role' ? 'driver' : id])),
          ...more,
        }).success ?? false
      const ids = ['01890a5d-ac96-774b-bcce-b302099a8057', '7'].filter(id => isTaken(id))
      if (named.length === 0) expect(route.params).toBeUndefined()
      else expect(ids).not.toEqual([])
      expect(ids.filter(id => isTaken(id, { other: 'x' }))).toEqual([])
    },
  )

  test.each(routes.filter(route => route.method === 'get'))('$method $path takes no body', route => {
    expect(route.body).toBeUndefined()
  })
})

describe('If-Match', () => {
  test('takes one version in quotes, or nothing', () => {
    expect(parseIfMatch(undefined)).toEqual({ ok: true, value: {} })
    expect(parseIfMatch('"17"')).toEqual({ ok: true, value: { ifVersion: 17 } })
    expect(parseIfMatch('17').ok).toBe(false)
    expect(parseIfMatch('W/"17"')).toEqual({ ok: true, value: { ifVersion: 0 } })
  })
})

describe('errors of the runtime', () => {
  test('become problems if they are expected, and others do not', () => {
    const issues = [{ path: 'lat', message: 'Expected a number' }]
    expect(expectedProblem(new InvalidEventError('no', issues))).toMatchObject({
      code: 'VALIDATION_FAILED',
      members: { errors: issues },
    })
    expect(expectedProblem(new OverloadedError('full', 7))).toEqual({
      code: 'UNAVAILABLE',
      detail: 'full',
      retryAfterSeconds: 7,
    })
    expect(expectedProblem(new StoreUnavailableError(undefined))).toEqual({
      code: 'UNAVAILABLE',
      detail: 'The database did not answer',
      retryAfterSeconds: 1,
    })
    expect(expectedProblem(new UnknownInstanceError('x'))).toEqual({ code: 'NOT_FOUND' })
    expect(expectedProblem(new Error('defect'))).toBeUndefined()
    expect(expectedProblem(undefined)).toBeUndefined()
  })
})

describe('the listed errors of a refused body', () => {
  test('are bounded in number and length, and well-formed', () => {
    const errors = Array.from({ length: 1_000 }, (_, i) => ({ path: `${i}`, message: 'x'.repeat(10_000) }))
    const answer = JSON.stringify(invalid(errors))
    expect(answer.length).toBeLessThan(10_000)
    expect(cut(`${'x'.repeat(199)}🚚`).isWellFormed()).toBe(true)
    expect(cut('\ud800').isWellFormed()).toBe(true)
  })
})

describe('R9.4 health', () => {
  const ok: HealthCheck = async () => ({ status: 'ok' })
  const checks = (changed: Partial<Record<CheckName, HealthCheck>> = {}) =>
    ({ ...Object.fromEntries(checkNames.map(name => [name, ok])), ...changed }) as Record<
      CheckName,
      HealthCheck
    >
  const failing: HealthCheck = async () => {
    throw new Error('password of the database is hunter2')
  }

  test('is ok if every check is', async () => {
    expect(await createHealth('1', checks()).health()).toMatchObject({ status: 'ok', version: '1' })
  })

  test.each(['postgres', 'migrations', 'capacity'] as const)(
    'is down without %s, and does not reveal why',
    async name => {
      const report = await createHealth('1', checks({ [name]: failing })).health()
      expect(report).toMatchObject({
        status: 'down',
        checks: { [name]: { status: 'down', reason: 'failed' } },
      })
      expect(JSON.stringify(report)).not.toContain('hunter2')
    },
  )

  test.each(['redis', 'timers', 'outbox'] as const)('is only degraded without %s', async name => {
    expect(await createHealth('1', checks({ [name]: failing })).health()).toMatchObject({
      status: 'degraded',
    })
  })

  test('queries the database once, however often health is requested', async () => {
    let asked = 0
    const postgres: HealthCheck = async () => {
      asked += 1
      return { status: 'ok' }
    }
    const { health } = createHealth('1', checks({ postgres }))
    await Promise.all(Array.from({ length: 100 }, health))
    expect(asked).toBe(1)
  })

  test('is down from the moment of the shutdown, with the last known checks, and queries nothing', async () => {
    let isDraining = false
    let hangs = false
    const postgres: HealthCheck = () => (hangs ? new Promise(() => {}) : ok())
    const { health } = createHealth('1', checks({ postgres }), () => isDraining)
    expect(await health()).not.toHaveProperty('draining')
    isDraining = true
    hangs = true
    expect(await health()).toMatchObject({
      status: 'down',
      draining: true,
      checks: { postgres: { status: 'ok' }, redis: { status: 'ok' } },
    })
  })

  test('does not wait forever for a check', async () => {
    const report = await createHealth('1', checks({ outbox: () => new Promise(() => {}) })).health()
    expect(report).toMatchObject({ status: 'degraded', checks: { outbox: { reason: 'no answer in time' } } })
  })
})

test('the front page shows strangers no figures, and queries nothing for any', async () => {
  const untouchable = new Proxy({}, { get: (_, name) => expect(name).toBe('never read') })
  const page = publicRoutes.find(route => route.path === '/')
  const answer = await page?.run(untouchable as Context, {})
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': expect.stringMatching('text/html') },
    body: expect.stringMatching(/href="\/docs"/),
  })
})
