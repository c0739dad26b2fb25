/* Settings of tokens: the keys they are signed with, who else may sign them, how long they live. */
import { z } from 'zod'
import { expecting, type SettingGroup, type schemasOf, server } from './setting.js'
import { anyText, seconds } from './values.js'

export interface TokenSettings {
  /** Absent outside production only: then generated once and kept in `dataDir`. */
  readonly jwtSecret?: string
  /** Still accepted while a rotation is under way. */
  readonly jwtSecretPrevious?: string
  readonly jwtRefreshSecret?: string
  readonly jwtRefreshSecretPrevious?: string
  /** The longest time from `iat` to `exp` of an access token. */
  readonly accessTokenMaxMs: number
  /** Absent: only tokens signed with the secrets above are accepted. */
  readonly tokenIssuer?: TokenIssuer
}

/** Another issuer, which signs access tokens with its own keys. */
export interface TokenIssuer {
  readonly jwksUrl: string
  /** What `iss` must be. */
  readonly issuer: string
  /** What `aud` must be or contain. */
  readonly audience: string
}

/** RFC 7518 §3.2: an HS256 key has at least the 256 bits of its hash. */
const MIN_SECRET_LENGTH = 32
/** Longer is no name of an issuer or an audience. */
const MAX_NAME_LENGTH = 1_000

const secret = expecting(`at least ${MIN_SECRET_LENGTH} characters`, message =>
  z.string().min(MIN_SECRET_LENGTH, message).optional(),
)
const name = anyText(MAX_NAME_LENGTH).optional()

const required = ['one server', 'cluster', 'AWS'] as const
const inRotation = 'no previous key is accepted'
const noIssuer = "only Loadcast's own tokens are accepted"

export const tokenSettings = {
  JWT_SECRET: {
    schema: secret,
    meaning: 'The key that signs access tokens. A secret. Make one with `openssl rand -base64 48`.',
    example: 'an-example-that-nobody-may-use-anywhere',
    unset: 'made at the first start and kept in `DATA_DIR`; required in production',
    readBy: server,
    requiredIn: required,
  },
  JWT_SECRET_PREVIOUS: {
    schema: secret,
    meaning: 'The key before it, accepted while a rotation is under way. A secret.',
    example: 'the-example-of-the-previous-access-key',
    unset: inRotation,
    readBy: server,
  },
  JWT_REFRESH_SECRET: {
    schema: secret,
    meaning: 'The key that signs refresh tokens. A secret. No two of the four keys may be equal.',
    example: 'an-example-of-another-key-for-refreshes',
    unset: 'made at the first start and kept in `DATA_DIR`; required in production',
    readBy: server,
    requiredIn: required,
  },
  JWT_REFRESH_SECRET_PREVIOUS: {
    schema: secret,
    meaning: 'The key before it, accepted while a rotation is under way. A secret.',
    example: 'the-example-of-the-previous-refresh-key',
    unset: inRotation,
    readBy: server,
  },
  ACCESS_TOKEN_MAX_SECONDS: {
    // `iat` and `exp` count whole seconds.
    schema: seconds(86_400, { min: 1 }),
    meaning: 'The longest life of an access token. A token with a longer one is refused.',
    example: '3600',
    readBy: server,
  },
  JWT_JWKS_URL: {
    schema: expecting('the address of a JSON Web Key Set: https://host/path, without a password', message =>
      z.string().refine(isKeySetUrl, message).optional(),
    ),
    meaning:
      'The keys of [another issuer](OPERATIONS.md#tokens-of-another-issuer) of access tokens. It must answer within 3 s with at most 256 KB and 100 keys. In production it is https. It needs `JWT_ISSUER` and `JWT_AUDIENCE`.',
    example: 'https://id.example.com/.well-known/jwks.json',
    unset: noIssuer,
    readBy: server,
  },
  JWT_ISSUER: {
    schema: name,
    meaning: 'What `iss` must be in tokens of that issuer, exactly.',
    example: 'https://id.example.com',
    unset: noIssuer,
    readBy: server,
  },
  JWT_AUDIENCE: {
    schema: name,
    meaning: 'What `aud` must be or contain in tokens of that issuer.',
    example: 'loadcast',
    unset: noIssuer,
    readBy: server,
  },
} as const satisfies SettingGroup

type Given = Readonly<Record<string, string | undefined>>

const accessKeys = ['JWT_SECRET', 'JWT_SECRET_PREVIOUS'] as const
const refreshKeys = ['JWT_REFRESH_SECRET', 'JWT_REFRESH_SECRET_PREVIOUS'] as const
const issuerNames = ['JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const

/**
 * In every key and password that docker-compose.yml contained before it made its own. They are public: a reader of
 * that file could sign tokens of any administrator.
 */
const PUBLISHED = 'local-only'

/** What no single setting shows, judged on the raw text. */
export function tokenProblems(given: Given): string[] {
  return [
    ...sameKeys(given),
    ...loneKeys(given),
    ...issuerProblems(given),
    ...(given.NODE_ENV === 'production' ? publishedSecrets(given) : []),
  ]
}

function sameKeys(given: Given): string[] {
  const problems: string[] = []
  const isSame = (one: string, another: string) => given[one] !== undefined && given[one] === given[another]
  for (const [i, key] of refreshKeys.entries()) {
    for (const other of accessKeys) {
      if (isSame(key, other)) {
        problems.push(`${key}: Expected another value than ${other}, or refresh tokens open every door`)
      }
    }
    const newer = refreshKeys[i - 1]
    if (newer !== undefined && isSame(key, newer)) problems.push(unrotated(key, newer))
  }
  if (isSame('JWT_SECRET_PREVIOUS', 'JWT_SECRET')) {
    problems.push(unrotated('JWT_SECRET_PREVIOUS', 'JWT_SECRET'))
  }
  return problems
}

const unrotated = (previous: string, current: string) =>
  `${previous}: Expected another value than ${current}, or nothing was rotated`

function loneKeys(given: Given): string[] {
  const pairs = [accessKeys, refreshKeys]
  return pairs
    .filter(([current, previous]) => given[previous] !== undefined && given[current] === undefined)
    .map(([current, previous]) => `${previous}: Expected ${current} beside it`)
}

function issuerProblems(given: Given): string[] {
  const isAnySet = issuerNames.some(one => given[one] !== undefined)
  const missing = issuerNames.filter(one => isAnySet && given[one] === undefined)
  const problems = missing.map(one => {
    const others = issuerNames.filter(other => other !== one)
    return `${one}: Required beside ${others.join(' and ')}`
  })
  // A server that answers in the issuer's place over plain HTTP could sign tokens of any administrator.
  if (given.NODE_ENV === 'production' && given.JWT_JWKS_URL?.startsWith('http:')) {
    problems.push('JWT_JWKS_URL: Expected https in production')
  }
  return problems
}

function publishedSecrets(given: Given): string[] {
  const what = 'it was published with the sources. Make one: openssl rand -base64 48'
  const problems = [...accessKeys, ...refreshKeys]
    .filter(key => given[key]?.includes(PUBLISHED))
    .map(key => `${key}: Expected a value that only you know: ${what}`)
  if (passwordOf(given.DATABASE_URL) === PUBLISHED) {
    problems.push(`DATABASE_URL: Expected a password that only you know: ${what}`)
  }
  return problems
}

/** As the database gets it: `local%2Donly` opens the same door. */
function passwordOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { password } = new URL(url)
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

type TokenEnvironment = z.output<z.ZodObject<ReturnType<typeof schemasOf<typeof tokenSettings>>>>

export function tokenSettingsOf(env: TokenEnvironment): TokenSettings {
  const { JWT_JWKS_URL: jwksUrl, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = env
  return {
    ...(env.JWT_SECRET === undefined ? {} : { jwtSecret: env.JWT_SECRET }),
    ...(env.JWT_SECRET_PREVIOUS === undefined ? {} : { jwtSecretPrevious: env.JWT_SECRET_PREVIOUS }),
    ...(env.JWT_REFRESH_SECRET === undefined ? {} : { jwtRefreshSecret: env.JWT_REFRESH_SECRET }),
    ...(env.JWT_REFRESH_SECRET_PREVIOUS === undefined
      ? {}
      : { jwtRefreshSecretPrevious: env.JWT_REFRESH_SECRET_PREVIOUS }),
    accessTokenMaxMs: env.ACCESS_TOKEN_MAX_SECONDS,
    ...(jwksUrl === undefined || issuer === undefined || audience === undefined
      ? {}
      : { tokenIssuer: { jwksUrl, issuer, audience } }),
  }
}

/** Plain HTTP serves a developer's own issuer; production refuses it. */
function isKeySetUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  )
}
