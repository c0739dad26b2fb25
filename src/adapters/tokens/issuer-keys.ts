/*
 * The public keys of a token issuer, read from its JSON Web Key Set (RFC 7517) and cached. Every sender of a token can
 * name any key, so unknown names must cost the issuer almost nothing: one read at a time and a pause after each. Known
 * keys stay in use while the issuer is unavailable. A revoked key is dropped at the next read.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'

export const issuerAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const
export type IssuerAlgorithm = (typeof issuerAlgorithms)[number]

export interface IssuerKeysOptions {
  readonly url: string
  readonly log: { warn(fields: object, message: string): void; info(fields: object, message: string): void }
  readonly limits?: Partial<IssuerKeyLimits>
}

export interface IssuerKeyLimits {
  readonly readEveryMs: number
  readonly pauseMs: number
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly maxKeys: number
  readonly maxWaiting: number
}

export const issuerKeyLimits: IssuerKeyLimits = {
  /** How long a revoked key may still be accepted. */
  readEveryMs: 300_000,
  /**
   * The pause between two reads for unknown names. Issuers publish a key before they sign with it, so a new key rarely
   * waits. A stranger with invented names causes at most six reads a minute.
   */
  pauseMs: 10_000,
  /** For the whole answer. Requests wait for it; a healthy issuer answers in a tenth of this. */
  timeoutMs: 3_000,
  /** Ten keys with their certificate chains are some 60 KB. */
  maxBytes: 262_144,
  /** Each is a parsed key in memory. Issuers have two to ten. */
  maxKeys: 100,
  /** Requests that may wait for one read. Each holds an admission place, so a slow issuer must not hold more. */
  maxWaiting: 50,
}

/** A key with its name and algorithm. The same object as long as the published key is the same. */
export interface IssuerKey {
  readonly id: string
  readonly key: KeyObject
}

export interface IssuerKeys {
  /** `unknown`: the issuer has no such key. `unavailable`: the issuer did not answer. Never throws. */
  find(kid: string, algorithm: IssuerAlgorithm): Promise<IssuerKey | 'unknown' | 'unavailable'>
  /** Whether the issuer still published the key at the last read. */
  isCurrent(key: IssuerKey): boolean
  close(): void
}

const published = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

/** RFC 7518 §3.3 requires 2048 bits for RS256. Above 8192 bits each verification would take milliseconds. */
const MIN_RSA_BITS = 2_048
const MAX_RSA_BITS = 8_192
export const MAX_KID_LENGTH = 256

export function openIssuerKeys({ url, log, limits: given }: IssuerKeysOptions): IssuerKeys {
  const limits = { ...issuerKeyLimits, ...given }
  const closing = new AbortController()
  let keys: ReadonlyMap<string, IssuerKey> = new Map()
  let reading: Promise<void> | undefined
  let waiting = 0
  let readAt = Number.NEGATIVE_INFINITY
  /** Whether the last read failed. */
  let hasFailed = true
  let isFirst = true
  let timer: NodeJS.Timeout | undefined

  async function readOnce(): Promise<void> {
    readAt = performance.now()
    const hadFailed = hasFailed
    try {
      const found = await readKeys(url, limits, closing.signal)
      keys = new Map(found.map(key => [key.id, unchanged(keys.get(key.id), key)]))
      hasFailed = false
      if (hadFailed) log.info({ keys: keys.size }, 'read the keys of the token issuer')
    } catch (error) {
      hasFailed = true
      if (closing.signal.aborted) return
      if (!hadFailed || isFirst) {
        log.warn({ err: error, known: keys.size }, 'could not read the keys of the token issuer')
      }
    }
    isFirst = false
    clearTimeout(timer)
    if (closing.signal.aborted) return
    timer = setTimeout(read, hasFailed ? limits.pauseMs : limits.readEveryMs).unref()
  }

  function read(): Promise<void> {
    reading ??= readOnce().finally(() => {
      reading = undefined
    })
    return reading
  }

  read()
  return {
    async find(kid, algorithm) {
      const id = idOf(kid, algorithm)
      const known = keys.get(id)
      if (known !== undefined) return known
      const isPausing = reading === undefined && performance.now() - readAt < limits.pauseMs
      if (!isPausing) {
        if (waiting >= limits.maxWaiting) return 'unavailable'
        waiting += 1
        await read()
        waiting -= 1
      }
      return keys.get(id) ?? (hasFailed ? 'unavailable' : 'unknown')
    },
    isCurrent: key => keys.get(key.id) === key,
    close() {
      clearTimeout(timer)
      closing.abort()
    },
  }
}

const idOf = (kid: string, algorithm: IssuerAlgorithm) => `${algorithm} ${kid}`

const unchanged = (before: IssuerKey | undefined, key: IssuerKey) =>
  before?.key.equals(key.key) ? before : key

async function readKeys(url: string, limits: IssuerKeyLimits, closing: AbortSignal): Promise<IssuerKey[]> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    // Only the address that the operator set is trusted.
    redirect: 'error',
    signal: AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), closing]),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`Expected 200 from the issuer, got ${response.status}`)
  }
  const given = published.parse(JSON.parse(await readText(response, limits.maxBytes))).keys
  if (given.length > limits.maxKeys) throw new Error(`Expected at most ${limits.maxKeys} keys`)
  // An empty set is valid too: an issuer that lost its keys revokes all of them.
  return given.map(usableKey).filter(key => key !== undefined)
}

async function readText({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    // Leaving the loop closes the connection.
    if (size > maxBytes) throw new Error(`Expected at most ${maxBytes} bytes of keys`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A public signature key with a name, for exactly one of our algorithms. Anything else in the set is ignored. */
function usableKey(jwk: Readonly<Record<string, unknown>>): IssuerKey | undefined {
  const { kid, use, alg, key_ops: operations } = jwk
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH) return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined
  const fitting = fitOf(jwk)
  if (fitting === undefined || (alg !== undefined && alg !== fitting.algorithm)) return undefined
  try {
    const key = createPublicKey({ key: fitting.jwk, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS
    return bits < MIN_RSA_BITS || bits > MAX_RSA_BITS ? undefined : { id: idOf(kid, fitting.algorithm), key }
  } catch {
    return undefined
  }
}

/** The algorithm of a key and its public parts. Symmetric keys do not belong in a published set. */
function fitOf(jwk: JsonWebKey): { algorithm: IssuerAlgorithm; jwk: JsonWebKey } | undefined {
  const { kty, crv, n, e, x, y } = jwk
  if (kty === 'RSA' && n !== undefined && e !== undefined) return { algorithm: 'RS256', jwk: { kty, n, e } }
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) {
    return { algorithm: 'ES256', jwk: { kty, crv, x, y } }
  }
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined)
    return { algorithm: 'EdDSA', jwk: { kty, crv, x } }
  return undefined
}
