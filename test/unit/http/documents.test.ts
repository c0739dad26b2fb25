import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { authorizationDocument, errorsDocument, metricsDocument } from '../../../scripts/api-docs.js'
import { openApiDocument, templateOf } from '../../../src/adapters/http/openapi/document.js'
import { Components } from '../../../src/adapters/http/openapi/schemas.js'
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'
import { place } from '../../../src/dispatch/requests.js'
import { repositoryRoot } from '../../support/house/import-rules.js'

const document = openApiDocument('1.2.3', routes, publicRoutes)

describe('the OpenAPI document', () => {
  test('passes the linter’s recommended rules', async () => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: {
        // Whoever reads this comes from the server it is about.
        'no-server-example.com': 'error',
        // Health and the pages answer everyone: there is nothing about them that a client could get wrong.
        'operation-4xx-response': 'off',
      },
    })
    const problems = await lintFromString({ source: JSON.stringify(document), config })
    expect(
      problems.map(({ ruleId, message, location }) => ({ ruleId, message, at: location[0]?.pointer })),
    ).toEqual([])
  })

  test('has every route under its own name, and no other', () => {
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
    )
    const registered = [...routes, ...publicRoutes].map(
      route => `${route.method} ${templateOf(route.path)} ${route.id}`,
    )
    expect(documented.sort()).toEqual(registered.sort())
    expect(new Set(documented.map(name => name.split(' ')[2])).size).toBe(documented.length)
  })

  test('has no two schemas under one name', () => {
    const components = new Components()
    components.refer(place, 'input')
    components.refer(place, 'output')
    expect(() => components.add('Place', { type: 'string' })).toThrow('Two schemas have the id Place')
  })
})

describe('the documents of the interface', () => {
  test.each([
    ['docs/errors.md', errorsDocument],
    ['docs/authorization.md', authorizationDocument],
    ['docs/metrics.md', metricsDocument],
  ])('%s matches the registry: `npm run documents` writes it', (name, write) => {
    expect(readFileSync(join(repositoryRoot, name), 'utf8')).toBe(write())
  })
})
