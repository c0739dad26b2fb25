/*
 * Holds answers of a server against the OpenAPI document: of a route that is in it, every status, problem code, content
 * type, header and body must be one it names. All tests that call over HTTP go through this.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { openApiDocument } from '../../../src/adapters/http/openapi/document.js'
import { publicRoutes, routes } from '../../../src/adapters/http/routes.js'

// biome-ignore lint/suspicious/noExplicitAny: a document is JSON
type Json = any

export const document: Json = openApiDocument('0', routes, publicRoutes)

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema(document, 'openapi')

interface Operation {
  readonly method: string
  readonly pattern: RegExp
  readonly id: string
  readonly responses: Json
  readonly pointer: string
}

const operations: readonly Operation[] = Object.entries(document.paths as Json).flatMap(([path, methods]) =>
  Object.entries(methods as Json).map(([method, operation]: [string, Json]) => ({
    method,
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    id: operation.operationId,
    responses: operation.responses,
    pointer: `/paths/${path.replaceAll('/', '~1')}/${method}/responses`,
  })),
)

/** What was answered, by operation: `getTrip 404 NOT_FOUND`. Filled by every answer that was checked. */
export const seen = new Set<string>()

export interface Answered {
  readonly method: string
  /** With the query, as it was sent. */
  readonly path: string
  readonly status: number
  readonly contentType: string | null
  readonly header: (name: string) => string | null
  readonly body: Json
}

/** Throws when the document does not have such an answer. Paths that are no route's are left alone. */
export function checkAnswer(answered: Answered): void {
  const { method, status, body } = answered
  const path = answered.path.split('?', 1)[0] ?? ''
  const operation = operations.find(o => o.method === method.toLowerCase() && o.pattern.test(path))
  if (operation === undefined) return
  const response = operation.responses[status]
  if (response === undefined) fail(operation, answered, 'no such status')
  seen.add(`${operation.id} ${status}${status >= 400 && body?.code ? ` ${body.code}` : ''}`)
  for (const name of Object.keys(response.headers ?? {})) {
    const isOptional = name === 'Idempotency-Replayed' || name === 'Retry-After'
    if (!isOptional && answered.header(name) === null) fail(operation, answered, `no header ${name}`)
  }
  const [mediaType] = Object.keys(response.content ?? {})
  if (mediaType === undefined) {
    if (body !== '') fail(operation, answered, 'a body')
    return
  }
  const isOfType = new RegExp(`^${mediaType.replace('+', '\\+').replace('*', '.*')}(;|$)`)
  if (!isOfType.test(answered.contentType ?? '')) fail(operation, answered, `no ${mediaType}`)
  if (!/json/.test(mediaType)) return
  const validate = validatorOf(
    `${operation.pointer}/${status}/content/${mediaType.replaceAll('/', '~1')}/schema`,
  )
  if (!validate(body)) fail(operation, answered, ajv.errorsText(validate.errors))
}

const validators = new Map<string, ValidateFunction>()

function validatorOf(pointer: string): ValidateFunction {
  const known = validators.get(pointer)
  if (known !== undefined) return known
  const validate = ajv.compile({ $ref: `openapi#${encodeURI(pointer)}` })
  validators.set(pointer, validate)
  return validate
}

function fail({ id }: Operation, { method, path, status, body }: Answered, what: string): never {
  throw new Error(
    `The document of ${id} has no such answer (${what}): ${method} ${path} → ${status} ${JSON.stringify(body)}`,
  )
}

/** Everything that the document says may be answered, in the words of `seen`. */
export function documentedAnswers(): readonly string[] {
  return operations.flatMap(({ id, responses }) =>
    Object.entries(responses as Json).flatMap(([status, response]: [string, Json]) => {
      if (Number(status) < 400) return [`${id} ${status}`]
      const { schema } = response.content['application/problem+json'] ?? response.content['application/json']
      if (id === 'getHealth') return [`${id} ${status}`]
      return codesOf(schema).map(code => `${id} ${status} ${code}`)
    }),
  )
}

function codesOf(schema: Json): readonly string[] {
  const refs: readonly string[] = schema.oneOf?.map((one: Json) => one.$ref) ?? [schema.$ref]
  return refs.map(ref => document.components.schemas[ref.split('/').at(-1) ?? ''].properties.code.const)
}
