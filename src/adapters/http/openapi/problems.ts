/* The problems that a route may answer with, and their schemas. */
import { ROLES } from '../../../dispatch/person.js'
import {
  type ProblemCode,
  type ProblemKind,
  problemMembers,
  problems,
  problemType,
} from '../../../dispatch/problems.js'
import { changesState, type PublicRoute, type Route } from '../route.js'
import type { Components, JsonSchema } from './schemas.js'

/** The problems of a route: its own, and those that follow from its input and its roles. */
export function problemsOfRoute(route: Route): readonly ProblemCode[] {
  const { body, query, params, namesNewId, isConditional, commands, roles } = route
  const takesKey = changesState(route.method)
  const codes: readonly (readonly [ProblemCode, boolean])[] = [
    // A path with ids fails to parse when its percent-encoding is broken.
    ['VALIDATION_FAILED', body !== undefined || query !== undefined || params !== undefined || takesKey],
    ['MALFORMED_JSON', body !== undefined],
    ['UNAUTHENTICATED', true],
    ['USER_INACTIVE', true],
    ['FORBIDDEN', roles.length < ROLES.length || commands.length > 1],
    ['NOT_FOUND', params !== undefined && namesNewId !== true],
    ['STALE_VERSION', isConditional === true],
    ['PAYLOAD_TOO_LARGE', body !== undefined],
    ['IDEMPOTENCY_IN_FLIGHT', takesKey && route.recordsKey],
    ['IDEMPOTENCY_KEY_REUSED', takesKey],
    ['RATE_LIMITED', true],
    ['INTERNAL_ERROR', true],
    ['UNAVAILABLE', true],
  ]
  const implied = codes.filter(([, applies]) => applies).map(([code]) => code)
  return [...new Set([...(route.problems ?? []), ...implied])]
}

export function problemsOfPublicRoute(route: PublicRoute): readonly ProblemCode[] {
  const { params, body, isUnlimited, isInternal } = route
  const codes: readonly (readonly [ProblemCode, boolean])[] = [
    ['VALIDATION_FAILED', params !== undefined || body !== undefined],
    ['MALFORMED_JSON', body !== undefined],
    ['NOT_FOUND', params !== undefined || isInternal === true],
    ['PAYLOAD_TOO_LARGE', body !== undefined],
    ['RATE_LIMITED', isUnlimited !== true],
    ['INTERNAL_ERROR', true],
    ['UNAVAILABLE', isUnlimited !== true && isInternal !== true],
  ]
  const implied = codes.filter(([, applies]) => applies).map(([code]) => code)
  return [...new Set([...(route.problems ?? []), ...implied])]
}

/** `NO_LONGER_AVAILABLE` → `NoLongerAvailable` */
const componentName = (code: ProblemCode) =>
  code.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())

const memberSchemas: Readonly<Record<keyof typeof problemMembers, JsonSchema>> = {
  errors: {
    type: 'array',
    items: {
      type: 'object',
      properties: { path: { type: 'string' }, message: { type: 'string' } },
      required: ['path', 'message'],
    },
  },
  broadcastId: { type: 'string', format: 'uuid' },
  version: { type: 'integer' },
  retry: { type: 'object', properties: { href: { type: 'string' } }, required: ['href'] },
}

export function addProblemSchemas(components: Components): void {
  components.add('Problem', {
    description: 'RFC 9457. `code` identifies the problem; `title` is a sentence for people.',
    type: 'object',
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string' },
      detail: { type: 'string', description: 'The cause, for developers' },
      instance: { type: 'string', description: 'The path of the request' },
    },
    required: ['type', 'title', 'status', 'code', 'instance'],
  })
  for (const code of Object.keys(problems) as ProblemCode[]) {
    components.add(componentName(code), problemSchema(code))
  }
}

function problemSchema(code: ProblemCode): JsonSchema {
  const { status, title, when, next, members = [] }: ProblemKind = problems[code]
  const named = members.map(member => member.replace('?', '')) as (keyof typeof memberSchemas)[]
  return {
    description: `${when}. ${next}.`,
    allOf: [{ $ref: '#/components/schemas/Problem' }],
    type: 'object',
    properties: {
      type: { const: problemType(code) },
      title: { const: title },
      status: { const: status },
      code: { const: code },
      ...Object.fromEntries(
        named.map(name => [name, { description: problemMembers[name], ...memberSchemas[name] }]),
      ),
    },
    required: ['code', ...members.filter(member => !member.endsWith('?'))],
  }
}

/** The responses of `codes`, by status. */
export function problemResponses(codes: readonly ProblemCode[]): Readonly<Record<string, JsonSchema>> {
  const statuses = [...new Set(codes.map(code => problems[code].status))].sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map(status => [status, problemResponse(codes.filter(code => problems[code].status === status))]),
  )
}

function problemResponse(codes: readonly ProblemCode[]): JsonSchema {
  const ref = (code: ProblemCode) => `#/components/schemas/${componentName(code)}`
  const [only] = codes
  const schema =
    codes.length === 1 && only !== undefined
      ? { $ref: ref(only) }
      : {
          oneOf: codes.map(code => ({ $ref: ref(code) })),
          discriminator: {
            propertyName: 'code',
            mapping: Object.fromEntries(codes.map(code => [code, ref(code)])),
          },
        }
  const isTemporary = codes.some(code => (problems[code] as ProblemKind).isTemporary)
  return {
    description: codes.map(code => `\`${code}\` ${problems[code].title}`).join(' · '),
    ...(isTemporary ? { headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } } : {}),
    content: { 'application/problem+json': { schema } },
  }
}
