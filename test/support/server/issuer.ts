/* An issuer of tokens as others run one: a real server that publishes its keys, and signs with what it does not publish. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, type JWK, SignJWT } from 'jose'

export const ISSUER = 'https://id.example.com/'
export const AUDIENCE = 'loadcast'

export interface SigningKey {
  readonly kid: string
  readonly alg: 'RS256' | 'ES256' | 'EdDSA'
  readonly privateKey: KeyObject
  readonly jwk: JWK
}

export async function makeKey(alg: SigningKey['alg'], kid: string): Promise<SigningKey> {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  const jwk = { ...(await exportJWK(createPublicKey(privateKey))), kid, alg, use: 'sig' }
  return { kid, alg, privateKey, jwk }
}

export interface TestIssuer {
  readonly url: string
  /** How often its keys were read. */
  reads(): number
  publish(keys: readonly (SigningKey | JWK)[]): void
  /** Stands for the usual answer. */
  answer(how: ((res: ServerResponse) => void) | undefined): void
  close(): Promise<void>
}

export async function startIssuer(keys: readonly (SigningKey | JWK)[] = []): Promise<TestIssuer> {
  let published = keys
  let reads = 0
  let special: ((res: ServerResponse) => void) | undefined
  const server = createServer((_req, res) => {
    reads += 1
    if (special !== undefined) return special(res)
    const jwks = published.map(key => ('jwk' in key ? key.jwk : key))
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: jwks }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    reads: () => reads,
    publish(next) {
      published = next
    },
    answer(how) {
      special = how
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function signAs(
  key: Pick<SigningKey, 'kid' | 'alg' | 'privateKey'>,
  claims: Readonly<Record<string, unknown>> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const usual = { sub: 'c1', role: 'customer', iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + 3_600 }
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey)
}
