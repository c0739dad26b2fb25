/*
 * The access tokens of a Google service account (RFC 7523). firebase-admin (13.10) could fetch them, but it ignores its
 * agent and retries without limit. Nothing may wait like that between the check whether an offer has ended and its
 * push.
 */
import type { Agent } from 'node:https'
import { request } from 'node:https'
import type { Credential, GoogleOAuthAccessToken } from 'firebase-admin/app'
import { importPKCS8, SignJWT } from 'jose'
import { z } from 'zod'

export interface ServiceAccountKey {
  readonly projectId: string
  readonly clientEmail: string
  readonly privateKey: string
}

const TOKEN_URL = 'https://oauth2.googleapis.com/token'
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'
/** Google accepts assertions of up to an hour. Ours is used at once; the time is for clocks that differ. */
const ASSERTION_SECONDS = 300
/**
 * How long before its end a token is renewed. Longer than a batch takes and than firebase-admin's own margin (5
 * minutes).
 */
const RENEW_BEFORE_MS = 10 * 60_000
const TIMEOUT_MS = 10_000

const granted = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })

interface KeptToken {
  readonly value: string
  readonly endsAt: number
}

/** A credential that keeps its token. Concurrent calls share one request. */
export function createCredential(account: ServiceAccountKey, agent: Agent): Credential {
  let token: KeptToken | undefined
  let getting: Promise<KeptToken> | undefined

  async function renewed(): Promise<KeptToken> {
    getting ??= fetchToken(account, agent).finally(() => {
      getting = undefined
    })
    token = await getting
    return token
  }

  return {
    async getAccessToken(): Promise<GoogleOAuthAccessToken> {
      const isFresh = token !== undefined && Date.now() < token.endsAt - RENEW_BEFORE_MS
      const { value, endsAt } = isFresh && token !== undefined ? token : await renewed()
      return { access_token: value, expires_in: Math.floor((endsAt - Date.now()) / 1000) }
    },
  }
}

async function fetchToken(account: ServiceAccountKey, agent: Agent): Promise<KeptToken> {
  const now = Date.now()
  const key = await importPKCS8(account.privateKey, 'RS256')
  const assertion = await new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(account.clientEmail)
    .setAudience(TOKEN_URL)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor(now / 1000) + ASSERTION_SECONDS)
    .sign(key)
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }
  const { status, text } = await post(new URLSearchParams(grant).toString(), agent)
  if (status !== 200) throw new Error(`Google refused a token for ${account.clientEmail}: ${status} ${text}`)
  const { access_token, expires_in } = granted.parse(JSON.parse(text))
  return { value: access_token, endsAt: now + expires_in * 1000 }
}

function post(form: string, agent: Agent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      TOKEN_URL,
      {
        method: 'POST',
        agent,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(form),
        },
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(form)
  })
}
