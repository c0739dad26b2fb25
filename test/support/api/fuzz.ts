/* Requests that fast-check makes out of the registry of routes, and the server's answers to them. */
import { Agent, request } from 'node:http'
import fc from 'fast-check'
import { templateOf } from '../../../src/adapters/http/openapi/document.js'
import type { Route } from '../../../src/adapters/http/route.js'
import { routes } from '../../../src/adapters/http/routes.js'
import { fitting, hostileBody, hostileText, nearlyFitting } from './arbitraries.js'
import { checkAnswer, document } from './document-check.js'
import { type Actor, actors, roleOf } from './scene.js'

/** A place in the path: one of the ids that are about, or text as it stands on the wire. */
type PathPart = { readonly pick: number } | { readonly text: string }

export interface FuzzCase {
  readonly route: string
  readonly actor: Actor
  readonly parts: Readonly<Record<string, PathPart>>
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

/** Percent-encoded, lone surrogates and all. */
const onTheWire = (text: string) =>
  [...Buffer.from(text)].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')

const brokenEncodings = [
  '%',
  '%zz',
  '%ff',
  '%E0%A4%A',
  '%00',
  '%2e%2e%2f',
  '%252e',
  '..',
  ';',
  '%C0%AF',
  '%27',
]

const pathPart = (schema: object): fc.Arbitrary<PathPart> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ pick: fc.nat() }) },
    { weight: 1, arbitrary: fitting(schema).map(value => ({ text: encodeURIComponent(String(value)) })) },
    {
      weight: 1,
      arbitrary: hostileText.filter(text => text !== '').map(text => ({ text: onTheWire(text) })),
    },
    { weight: 1, arbitrary: fc.constantFrom(...brokenEncodings).map(text => ({ text })) },
  )

const cursor = fc.oneof(
  fc.base64String({ maxLength: 300 }),
  fc.constantFrom('x'.repeat(5_000), 'MQ', Buffer.from('99999999999999999.a').toString('base64url'), '%00'),
  fc.uuid({ version: 7 }).map(id => Buffer.from(id).toString('base64url')),
  fc.integer().map(n => Buffer.from(String(n)).toString('base64url')),
)

// biome-ignore lint/suspicious/noExplicitAny: a document is JSON
type Parameter = any

function queryOf(parameters: readonly Parameter[]): fc.Arbitrary<string> {
  const named = parameters.filter(p => p.in === 'query')
  if (named.length === 0) return fc.constantFrom('', '?a=1', '?__proto__=1', '?%zz')
  const field = fc.constantFrom(...named).chain((p: Parameter) => {
    const values = fc.oneof(
      { weight: 3, arbitrary: fitting(p.schema).map(String) },
      { weight: 1, arbitrary: hostileText },
      { weight: 2, arbitrary: p.name === 'cursor' ? cursor : fitting(p.schema).map(String) },
    )
    return values.map(value => `${p.name}=${onTheWire(value)}`)
  })
  return fc.oneof(
    fc.constant(''),
    fc.array(field, { minLength: 1, maxLength: 3 }).map(fields => `?${fields.join('&')}`),
    fc.constantFrom(
      '?limit=1&limit=2',
      '?limit[]=1',
      '?a[b]=c',
      '?%zz=1',
      '?unknown=1',
      `?cursor=${'x'.repeat(8_000)}`,
    ),
  )
}

const headers: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('"1"', '"0"', '*', 'W/"1"', '"1","2"', '1', `"${'9'.repeat(40)}"`, '"\u00e9"')
      .map(v => ({ 'if-match': v })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('k1', 'k2', '"k3"', '', 'x'.repeat(256), '\u00e9', '"', 'a b')
      .map(v => ({ 'idempotency-key': v })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        'text/plain',
        'application/xml',
        'application/json; charset=utf-16',
        'multipart/form-data',
        '',
        'application/json;;',
      )
      .map(v => ({ 'content-type': v })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('gzip', 'br', 'compress', 'x').map(v => ({ 'content-encoding': v })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('Bearer', 'Bearer x.y.z', 'Basic YTpi', 'bearer  ', `Bearer ${'a'.repeat(5_000)}`)
      .map(v => ({ authorization: v })),
  },
)

function caseFor(route: Route): fc.Arbitrary<FuzzCase> {
  const operation = (document.paths as Record<string, Record<string, Parameter>>)[templateOf(route.path)]?.[
    route.method
  ]
  const parameters: readonly Parameter[] = operation.parameters ?? []
  const named = parameters.filter(p => p.in === 'path')
  const schema = operation.requestBody?.content['application/json'].schema
  const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '')
  const mayCall = actors.filter(actor => route.roles.includes(roleOf[actor]))
  return fc.record({
    route: fc.constant(route.id),
    actor: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...mayCall) },
      { weight: 1, arbitrary: fc.constantFrom(...actors) },
    ),
    parts: fc.record(Object.fromEntries(named.map(p => [p.name, pathPart(p.schema)]))),
    query: queryOf(parameters),
    headers,
    body:
      schema === undefined
        ? fc.constantFrom(undefined, Buffer.from('{}'))
        : fc.oneof(
            { weight: 4, arbitrary: fitting(schema).map(json) },
            { weight: 4, arbitrary: nearlyFitting(schema).map(json) },
            { weight: 2, arbitrary: hostileBody },
          ),
  })
}

/** Any request to any route. */
// After a logout everything would be a 401: sessions.test.ts.
export const fuzzCase: fc.Arbitrary<FuzzCase> = fc.oneof(
  ...routes.filter(({ id }) => id !== 'logout').map(caseFor),
)

export interface World {
  readonly url: string
  token(actor: Actor): string
  /** Ids that are about, by the name of the path's parameter. */
  readonly ids: Readonly<Record<string, readonly string[]>>
}

export interface FuzzAnswer {
  readonly method: string
  readonly path: string
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly body: any
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
/** Far beyond what anything takes; who needs longer hangs. */
const PATIENCE_MS = 20_000

/** Sends it, and holds the answer against the document. Rejects when none comes. */
export async function sendCase(world: World, fuzzed: FuzzCase): Promise<FuzzAnswer> {
  const route = routes.find(r => r.id === fuzzed.route)
  if (route === undefined) throw new Error(`no route ${fuzzed.route}`)
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const part = fuzzed.parts[name]
    const ids = (route.path.includes('dead-letters') ? world.ids.deadLetterId : world.ids[name]) ?? []
    if (part === undefined) return 'x'
    return 'text' in part ? part.text : (ids[part.pick % ids.length] ?? 'x')
  })
  const method = route.method.toUpperCase()
  const full = path + fuzzed.query
  const { status, headers: got, text } = await exchange(world, method, full, fuzzed)
  const header = (name: string) => [got[name.toLowerCase()]].flat()[0] ?? null
  const contentType = header('content-type')
  const body = /json/.test(contentType ?? '') ? JSON.parse(text) : text
  // A path that is another route's, or none's, is answered by that one; oversized headers reach no route at all.
  if (status !== 431) checkAnswer({ method, path: full, status, contentType, header, body })
  return { method, path: full, status, body }
}

function exchange(world: World, method: string, path: string, { actor, headers: own, body }: FuzzCase) {
  return new Promise<{
    status: number
    headers: Record<string, string | string[] | undefined>
    text: string
  }>((resolve, reject) => {
    const sent = request(
      world.url + encodeURI('/'),
      {
        agent,
        method,
        path,
        timeout: PATIENCE_MS,
        headers: {
          authorization: `Bearer ${world.token(actor)}`,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': body.length }),
          ...own,
        },
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.once('timeout', () => sent.destroy(new Error(`no answer in ${PATIENCE_MS} ms: ${method} ${path}`)))
    sent.once('error', reject)
    sent.end(body)
  })
}
