/*
 * Parses REDIS_URL according to REDIS_MODE. The three forms differ in how many servers they may name and in what follows
 * the last one:
 *
 *   standalone   redis://user:password@host:port/database
 *   cluster      redis://user:password@host:port,host:port
 *   sentinel     redis://user:password@sentinel:port,sentinel:port/master-name/database
 *
 * `rediss://` uses TLS for every server and sentinel. The only parameters are the sentinels' own credentials: others could,
 * for example, turn certificate verification off.
 */

export const redisModes = ['standalone', 'cluster', 'sentinel'] as const
export type RedisMode = (typeof redisModes)[number]

export interface RedisHost {
  readonly host: string
  readonly port: number
}

export interface RedisCredentials {
  readonly username?: string
  readonly password?: string
}

export interface RedisAddress {
  readonly mode: RedisMode
  /** At least one: the server, some nodes of the cluster, or the sentinels. */
  readonly hosts: readonly RedisHost[]
  readonly isTls: boolean
  readonly database: number
  readonly credentials: RedisCredentials
  /** Credentials of the sentinels themselves, if given. */
  readonly sentinelCredentials: RedisCredentials
  /** The sentinels' name for the master; empty in the other modes. */
  readonly masterName: string
}

const expectedForm: Record<RedisMode, string> = {
  standalone: 'redis://user:password@host:port or rediss://…',
  cluster: 'redis://user:password@host:port,host:port or rediss://…, without a path',
  sentinel:
    'redis://user:password@sentinel:port,sentinel:port/master-name or rediss://…, ' +
    'with sentinelUsername and sentinelPassword as the only parameters',
}

const DEFAULT_PORT: Record<RedisMode, number> = { standalone: 6379, cluster: 6379, sentinel: 26379 }

const urlPattern = /^(rediss?):\/\/([^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/
const hostPattern = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?$/
const pathPattern: Record<RedisMode, RegExp> = {
  standalone: /^\/?(?<database>\d{0,2})$/,
  cluster: /^\/?$/,
  sentinel: /^\/(?<name>[A-Za-z0-9_.-]+)(?:\/(?<database>\d{0,2}))?$/,
}

/**
 * The problems of the two settings, one line each, for the operator. They never repeat the URL, which may hold a password.
 * If the mode is unknown, the URL is not judged, since the mode decides how to read it.
 */
export function redisProblems(url: string | undefined, givenMode: string | undefined): string[] {
  const mode = redisModes.find(name => name === (givenMode ?? 'standalone'))
  if (mode === undefined) return []
  if (url === undefined) return mode === 'standalone' ? [] : [`REDIS_MODE: Expected REDIS_URL beside ${mode}`]
  if (parse(mode, url) !== undefined) return []
  const hint = mode === 'standalone' && url.includes(',') ? '. Several servers need REDIS_MODE' : ''
  return [`REDIS_URL: Expected ${expectedForm[mode]}${hint}`]
}

/** Throws for a URL that `redisProblems` objects to. */
export function parseRedisUrl(mode: RedisMode, url: string): RedisAddress {
  const address = parse(mode, url)
  if (address === undefined) throw new Error(`Expected ${expectedForm[mode]}`)
  return address
}

/** The address without credentials, for logs. */
export function describeAddress({ isTls, hosts, masterName }: RedisAddress): string {
  const path = masterName === '' ? '' : `/${masterName}`
  return `${isTls ? 'rediss' : 'redis'}://${hosts.map(describeHost).join(',')}${path}`
}

export const describeHost = ({ host, port }: RedisHost) =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

function parse(mode: RedisMode, url: string): RedisAddress | undefined {
  const [, scheme, authority = '', path = '', query = ''] = urlPattern.exec(url) ?? []
  const at = authority.lastIndexOf('@')
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(text => parseHost(text, DEFAULT_PORT[mode]))
  const credentials = parseCredentials(authority.slice(0, Math.max(at, 0)))
  const sentinelCredentials = parseSentinelCredentials(mode, query)
  const groups = pathPattern[mode].exec(path)
  if (scheme === undefined || groups === null) return undefined
  if (!hosts.every(host => host !== undefined) || (mode === 'standalone' && hosts.length > 1))
    return undefined
  if (credentials === undefined || sentinelCredentials === undefined) return undefined
  return {
    mode,
    hosts,
    isTls: scheme === 'rediss',
    database: Number(groups.groups?.database ?? 0),
    credentials,
    sentinelCredentials,
    masterName: groups.groups?.name ?? '',
  }
}

function parseHost(text: string, defaultPort: number): RedisHost | undefined {
  const [, host, port = String(defaultPort)] = hostPattern.exec(text) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** `user:password`, `:password` or `user`, percent-encoded where needed. */
function parseCredentials(text: string): RedisCredentials | undefined {
  const colon = text.indexOf(':')
  const username = decode(colon < 0 ? text : text.slice(0, colon))
  const password = decode(colon < 0 ? '' : text.slice(colon + 1))
  if (username === undefined || password === undefined) return undefined
  return {
    ...(username === '' ? {} : { username }),
    ...(username === '' && password === '' ? {} : { password }),
  }
}

function parseSentinelCredentials(mode: RedisMode, query: string): RedisCredentials | undefined {
  const given: { username?: string; password?: string } = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (mode !== 'sentinel') return undefined
    if (name === 'sentinelUsername') given.username = value
    else if (name === 'sentinelPassword') given.password = value
    else return undefined
  }
  return given
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
