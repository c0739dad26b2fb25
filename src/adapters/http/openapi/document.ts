/*
 * Builds the OpenAPI 3.1 document from the route registry. Routes parse and answer with the same schemas that the
 * document shows, so the two cannot differ.
 */
import { z } from 'zod'
import { type Answer, changesState, type PublicRoute, type Route } from '../route.js'
import { addProblemSchemas, problemResponses, problemsOfPublicRoute, problemsOfRoute } from './problems.js'
import { Components, type JsonSchema } from './schemas.js'

const DESCRIPTION = `A customer asks for trucks; the request goes out to transporters nearby, who race to accept.

Times are ISO 8601 in UTC, distances kilometres. Every list is \`{items, nextCursor}\`. Errors are problem documents
(RFC 9457): decide by \`code\`. Any POST or PUT accepts an \`Idempotency-Key\`, which is valid for a day.
Requests that cannot be parsed as HTTP get 400, 408 (too slow) or 431 (headers over 16 KB), always with
a \`code\`. Events arrive over Socket.IO, with the same token in \`auth.token\`.`

const headers = {
  ETag: { description: 'The version, for `If-Match` only', schema: { type: 'string' } },
  Location: { description: 'The path of the resource', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before a retry', schema: { type: 'integer' } },
  IdempotencyReplayed: {
    description: '`true` when this is the repeated answer of an earlier request',
    schema: { type: 'string', enum: ['true'] },
  },
} as const

const parameters = {
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'Applies the request only if the resource has this version',
    schema: { type: 'string' },
    example: '"3"',
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'A repeat with the same key and payload gets the first successful answer again',
    schema: { type: 'string', maxLength: 255 },
  },
} as const

export interface OpenApiDocument extends JsonSchema {
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>
}

export function openApiDocument(
  version: string,
  routes: readonly Route[],
  publicRoutes: readonly PublicRoute[],
): OpenApiDocument {
  const components = new Components()
  addProblemSchemas(components)
  const paths: Record<string, Record<string, JsonSchema>> = {}
  const add = (route: Route | PublicRoute, operation: JsonSchema) => {
    const path = templateOf(route.path)
    paths[path] = { ...paths[path], [route.method]: operation }
  }
  for (const route of routes) add(route, operationOf(route, components))
  for (const route of publicRoutes) add(route, publicOperationOf(route, components))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Loadcast',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'HS256, with `sub`, `role` and `exp`',
        },
      },
      headers,
      parameters,
      schemas: components.all(),
    },
  }
}

const tags = {
  access: 'Tokens',
  requests: 'Requests for trucks and their state',
  fleet: 'Transporters: availability, drivers, vehicles, answers',
  driver: 'Drivers: presence and trips',
  trips: 'The trips of assigned trucks',
  administration: 'Operators: instances, dead letters, and why a transporter was offered a request',
  service: 'This server',
} as const

function tagOf(path: string): keyof typeof tags {
  if (path.startsWith('/api/v1/admin/')) return 'administration'
  if (path.startsWith('/api/v1/transporter/')) return 'fleet'
  if (path.startsWith('/api/v1/driver/')) return 'driver'
  if (path.startsWith('/api/v1/trips/')) return 'trips'
  if (path.startsWith('/api/v1/auth/')) return 'access'
  return path.startsWith('/api/') ? 'requests' : 'service'
}

/** `/a/:id` → `/a/{id}` */
export const templateOf = (path: string) => path.replaceAll(/:(\w+)/g, '{$1}')

function operationOf(route: Route, components: Components): JsonSchema {
  const { id, path, summary, body, roles } = route
  return {
    operationId: id,
    tags: [tagOf(path)],
    summary,
    description: `Open to: ${roles.join(', ')}.`,
    parameters: parametersOf(route, components),
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body, components) }),
    responses: {
      ...successes(route.answers, components, changesState(route.method)),
      ...problemResponses(problemsOfRoute(route)),
    },
  }
}

function publicOperationOf(route: PublicRoute, components: Components): JsonSchema {
  const { id, path, summary, params, body } = route
  return {
    operationId: id,
    tags: [tagOf(path)],
    summary,
    security: [],
    ...(params === undefined ? {} : { parameters: fieldsOf(params, 'path', components) }),
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body, components) }),
    responses: {
      ...successes(route.answers, components, false),
      ...problemResponses(problemsOfPublicRoute(route)),
    },
  }
}

function parametersOf(route: Route, components: Components): readonly JsonSchema[] {
  const { params, query, isConditional, method } = route
  return [
    ...(params === undefined ? [] : fieldsOf(params, 'path', components)),
    ...(query === undefined ? [] : fieldsOf(query, 'query', components)),
    ...(isConditional ? [{ $ref: '#/components/parameters/IfMatch' }] : []),
    ...(changesState(method) ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
  ]
}

function fieldsOf(schema: z.ZodType, place: 'path' | 'query', components: Components): JsonSchema[] {
  if (!(schema instanceof z.ZodObject)) throw new Error('Expected an object of parameters')
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: components.refer(field, 'input'),
  }))
}

function requestBodyOf(body: z.ZodType, components: Components): JsonSchema {
  return {
    required: !body.safeParse({}).success,
    content: { 'application/json': { schema: components.refer(body, 'input') } },
  }
}

function successes(
  answers: Readonly<Record<number, Answer>>,
  components: Components,
  isReplayable: boolean,
): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, body, contentType, headers: named = [] }]) => [
      status,
      {
        description,
        headers: {
          ...(named.includes('etag') ? { ETag: { $ref: '#/components/headers/ETag' } } : {}),
          ...(named.includes('location') ? { Location: { $ref: '#/components/headers/Location' } } : {}),
          ...(isReplayable
            ? { 'Idempotency-Replayed': { $ref: '#/components/headers/IdempotencyReplayed' } }
            : {}),
        },
        ...contentOf(body, contentType, components),
      },
    ]),
  )
}

function contentOf(body: z.ZodType | undefined, contentType: string | undefined, components: Components) {
  if (body === undefined && contentType === undefined) return {}
  const schema = body === undefined ? { type: 'string' } : components.refer(body, 'output')
  return { content: { [contentType ?? 'application/json']: { schema } } }
}
