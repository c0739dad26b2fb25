/* Prints an access token, or the first refresh token of a family: npm run token -- --role customer --sub c1 [--ttl 1h] [--refresh] */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { signToken } from '../src/adapters/tokens/jwt.js'
import { ACCESS_TTL_MS, REFRESH_TTL_MS, signRefreshToken } from '../src/adapters/tokens/refresh.js'
import { loadSettings } from '../src/app/settings/settings.js'
import { resolveTokenKeys } from '../src/app/token-keys.js'
import { clientId, role } from '../src/dispatch/requests.js'

const USAGE =
  'npm run token -- --role customer|transporter|driver|admin|viewer --sub <id> [--ttl 30s|15m|1h|7d] [--refresh]'

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const options = z.strictObject({
  role,
  sub: clientId,
  ttl: z
    .string()
    .regex(/^[1-9]\d{0,5}[smhd]$/, 'Expected a number and a unit: 30s, 15m, 1h, 7d')
    .optional(),
  refresh: z.boolean().default(false),
})

const millisecondsOf = (text: string) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? 0)

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      role: { type: 'string' },
      sub: { type: 'string' },
      ttl: { type: 'string' },
      refresh: { type: 'boolean' },
    },
  })
  const parsed = options.safeParse({ ...values })
  if (!parsed.success) {
    const lines = parsed.error.issues.map(issue => `  --${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`${lines.join('\n')}\n${USAGE}`)
  }
  const { role, sub, refresh } = parsed.data
  const settings = loadSettings()
  const { secret, refreshSecret } = await resolveTokenKeys(settings)
  const longestMs = refresh ? REFRESH_TTL_MS : settings.accessTokenMaxMs
  const usualMs = refresh ? REFRESH_TTL_MS : Math.min(ACCESS_TTL_MS, longestMs)
  const ttlMs = parsed.data.ttl === undefined ? usualMs : millisecondsOf(parsed.data.ttl)
  if (ttlMs > longestMs) {
    const why = refresh ? 'no refresh token lives longer' : 'ACCESS_TOKEN_MAX_SECONDS'
    throw new Error(
      `  --ttl: Expected at most ${longestMs / 1000}s (${why}): the server refuses a longer one`,
    )
  }
  const caller = { id: sub, role }
  console.log(
    await (refresh ? signRefreshToken(caller, refreshSecret, { ttlMs }) : signToken(caller, secret, ttlMs)),
  )
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
