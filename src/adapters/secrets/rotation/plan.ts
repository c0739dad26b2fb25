/*
 * Decides from the current values what a rotation changes. Pure: the caller passes the randomness. Each new value is
 * accepted beside the old one until the old one is retired, so no two changes must happen at the same instant.
 */
import { phaseName, type SecretName, type SecretValues } from '../secret-values.js'

export const parts = ['jwt', 'database', 'fcm', 'redis'] as const
export type Part = (typeof parts)[number]

/** The two users take turns: while one is in use, the other gets its new password. */
export const LOGIN_ROLES = ['loadcast_a', 'loadcast_b'] as const
/** Owns the tables, whichever user created them. It cannot log in. */
export const OWNER_ROLE = 'loadcast'

export interface RotationRequest {
  readonly parts: readonly Part[]
  /** The text of the new service account, for `fcm`. */
  readonly fcmServiceAccount?: string
  /** The address of the database, `host:port/name?parameters`, for a secret that has none yet. */
  readonly databaseAddress?: string
  /** For `redis`: the URL with the token that the cache accepts now. */
  readonly redisUrl?: string
  /** Only removes the previous keys. Tokens signed with them are refused from then on. */
  readonly endOverlap?: boolean
}

export interface Rotation {
  readonly next: SecretValues
  /** Lines for the operator, without any secret value. */
  readonly changes: readonly string[]
}

const jwtNames = ['JWT_SECRET', 'JWT_REFRESH_SECRET'] as const

/** True between the halves of a rotation of the JWT keys: all processes accept the new keys, but none signs with them. */
export const isIntroduced = (values: SecretValues): boolean => values[phaseName] === 'introduced'

/**
 * Plans the second half of a rotation of the JWT keys. While a deployment is in progress, a process must not sign with a
 * key that another process does not know: that process would refuse the tokens. So a key is first added beside the one
 * in use and deployed, and only then changes places with it.
 */
export function planSwap(current: SecretValues): Rotation {
  const { [phaseName]: _, ...next }: Partial<Record<SecretName, string>> = current
  for (const name of jwtNames) {
    const introduced = next[`${name}_PREVIOUS`]
    const signing = next[name]
    if (introduced === undefined || signing === undefined) throw new Error(`${name}: the new key is missing`)
    next[name] = introduced
    next[`${name}_PREVIOUS`] = signing
  }
  return {
    next,
    changes: jwtNames.map(name => `${name}: the new key signs; the previous one stays accepted`),
  }
}

/** Plans a rotation of `request.parts`, or the end of an overlap. Throws an `Error` that names a missing option. */
export function planRotation(
  current: SecretValues,
  request: RotationRequest,
  random: () => string,
): Rotation {
  const next: Partial<Record<SecretName, string>> = { ...current }
  const changes: string[] = []
  if (request.endOverlap) {
    for (const name of ['JWT_SECRET_PREVIOUS', 'JWT_REFRESH_SECRET_PREVIOUS'] as const) {
      if (next[name] === undefined) continue
      delete next[name]
      changes.push(`${name}: removed; tokens signed with it are refused from now on`)
    }
    return { next, changes }
  }
  if (request.parts.includes('jwt')) {
    for (const name of jwtNames) {
      // A first key signs nothing after the swap, but the start refuses a previous key that equals the current one.
      if (!current[name]) next[name] = random()
      next[`${name}_PREVIOUS`] = random()
      changes.push(`${name}: a new key, which all processes accept before any of them signs with it`)
    }
    next[phaseName] = 'introduced'
  }
  if (request.parts.includes('database')) {
    next.DATABASE_URL = nextDatabaseUrl(current.DATABASE_URL, request.databaseAddress, random())
    changes.push(`DATABASE_URL: the user ${userOf(next.DATABASE_URL)} with a new password`)
  }
  if (request.parts.includes('fcm')) {
    next.FCM_SERVICE_ACCOUNT = checkedServiceAccount(request.fcmServiceAccount)
    changes.push('FCM_SERVICE_ACCOUNT: the given key; delete the old one in Google Cloud afterwards')
  }
  if (request.parts.includes('redis')) {
    if (request.redisUrl === undefined) throw new Error('redis: give --redis <host:port>')
    next.REDIS_URL = request.redisUrl
    if (request.redisUrl !== current.REDIS_URL)
      changes.push('REDIS_URL: the token that the cache accepts now')
  }
  // An empty text says that a value is deliberately unused. A start reports an absent one as missing.
  next.FCM_SERVICE_ACCOUNT ??= ''
  next.REDIS_URL ??= ''
  return { next, changes }
}

export function userOf(databaseUrl: string | undefined): string | undefined {
  return databaseUrl ? decodeURIComponent(new URL(databaseUrl).username) : undefined
}

function nextDatabaseUrl(current: string | undefined, address: string | undefined, password: string): string {
  if (!current && address === undefined) {
    throw new Error(
      'The secret has no DATABASE_URL yet: give --database <host:port/name?sslmode=verify-full>',
    )
  }
  const url = new URL(current || `postgres://${address}`)
  url.username = url.username === LOGIN_ROLES[0] ? LOGIN_ROLES[1] : LOGIN_ROLES[0]
  url.password = password
  return url.href
}

function checkedServiceAccount(text: string | undefined): string {
  if (text === undefined) throw new Error('fcm: give --fcm-file <the new service account, as Google gave it>')
  const fields = ['client_email', 'private_key', 'project_id']
  try {
    const account = JSON.parse(text)
    if (fields.every(field => typeof account[field] === 'string')) return JSON.stringify(account)
  } catch {
    // The parser's message would quote the key.
  }
  throw new Error(`fcm: expected the JSON of a service account, with ${fields.join(', ')}`)
}
