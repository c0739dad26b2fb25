import { expect, test } from '@jest/globals'
import { createTokenVerifier } from '../../../src/adapters/tokens/jwt.js'
import { banner } from '../../../src/app/banner.js'

const facts = {
  version: '1.2.3',
  url: 'http://127.0.0.1:3000',
  database: 'a Postgres of our own',
  secret: 'a secret of at least 32 characters',
  accessTokenMaxMs: 86_400_000,
}

test('a start prints where the server is and a working token of each role', async () => {
  const text = await banner(facts)
  expect(text).toContain('Loadcast 1.2.3 listens on http://127.0.0.1:3000\nData: a Postgres of our own\n')
  const verify = createTokenVerifier({ secret: facts.secret })
  const callers = [...text.matchAll(/^ {2}(\w+) (\w+) +(\S+)$/gm)]
  expect(callers.map(([, role]) => role)).toEqual(['customer', 'transporter', 'driver', 'admin'])
  for (const [, role, id, token = ''] of callers)
    expect(await verify(token)).toMatchObject({ value: { caller: { role, id } } })
})

test('R11.2 the printed tokens live no longer than the settings allow', async () => {
  expect(await banner(facts)).toContain('good for 24 hours')
  const text = await banner({ ...facts, accessTokenMaxMs: 90_000 })
  expect(text).toContain('good for 90 seconds')
  const verify = createTokenVerifier({ secret: facts.secret, maxTtlMs: 90_000 })
  const [token = ''] = /eyJ\S+/.exec(text) ?? []
  expect(await verify(token)).toMatchObject({ ok: true })
})

test('R10.6 a start prints the page of live instances only if it is enabled', async () => {
  const inspectUrl = 'http://127.0.0.1:8080/?token=abc'
  expect(await banner({ ...facts, inspectUrl })).toContain(`Live instances: ${inspectUrl}\n`)
  expect(await banner(facts)).not.toContain('Live instances')
})
