/*
 * Keys of an issuer of tokens, read from its JSON Web Key Set (RFC 7517) and kept. Whoever sends a token names a key, so
 * unknown names must cost the issuer next to nothing: one read at a time, and a pause after each. The known keys stay in use
 * while the issuer is away; a key that it has taken back is forgotten at the next read.
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
  /** How long a key that the issuer has taken back may still be accepted. */
  readEveryMs: 300_000,
  /**
   * Between two reads for names of keys that are not known. Issuers publish a key before they sign with it, so a new one is
   * seldom asked for so early; a stranger who makes names up causes six reads a minute at most.
   */
  pauseMs: 10_000,
  /** For the whole answer. Requests wait for it: a well issuer answers in a tenth of this. */
  timeoutMs: 3_000,
  /** Ten keys with their chains of certificates are some 60 KB. */
  maxBytes: 262_144,
  /** Each is a parsed key in memory; issuers have two to ten. */
  maxKeys: 100,
  /** Requests that wait for one read. Each holds a place, so a slow issuer may hold so many and no more. */
  maxWaiting: 50,
}

/** A key by its name and algorithm; the same object as long as the issuer publishes the same. */
export interface IssuerKey {
  readonly id: string
  readonly key: KeyObject
}

export interface IssuerKeys {
  /** `unknown`: the issuer has no such key. `unavailable`: it could not be asked, and nobody can say. Never throws. */
  find(kid: string, algorithm: IssuerAlgorithm): Promise<IssuerKey | 'unknown' | 'unavailable'>
  /** Whether the issuer still publishes it, as of the last read. */
  isCurrent(key: IssuerKey): boolean
  close(): void
}

const published = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

/** RFC 7518 §3.3: RS256 needs 2048 bits or more. Of more than 8192 each signature would take milliseconds. */
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
  /** Of the last read. */
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
      if (hadFailed) log.info({ keys: keys.size }, 'the keys of the issuer of tokens were read')
    } catch (error) {
      hasFailed = true
      if (closing.signal.aborted) return
      if (!hadFailed || isFirst) {
        log.warn({ err: error, known: keys.size }, 'the keys of the issuer of tokens could not be read')
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
    // To another address than the operator named, nobody is followed.
    redirect: 'error',
    signal: AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), closing]),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`Expected 200 of the issuer, not ${response.status}`)
  }
  const given = published.parse(JSON.parse(await readText(response, limits.maxBytes))).keys
  if (given.length > limits.maxKeys) throw new Error(`Expected at most ${limits.maxKeys} keys`)
  // Of an empty set too: an issuer that has lost its keys takes all of them back.
  return given.map(usableKey).filter(key => key !== undefined)
}

async function readText({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    // Leaving the loop ends the connection.
    if (size > maxBytes) throw new Error(`Expected at most ${maxBytes} bytes of keys`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A public key with a name, for signatures and for one of our algorithms alone; anything else in the set is passed over. */
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

/** The algorithm a key is for, and its public parts. Symmetric keys have no place in a published set. */
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
