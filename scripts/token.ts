/* Prints an access token: npm run token -- --role customer --sub c1 [--ttl 1h] */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { signToken } from '../src/adapters/tokens/jwt.js'
import { clientId } from '../src/dispatch/requests.js'
import { loadSettings } from '../src/settings.js'
import { resolveTokenKeys } from '../src/token-keys.js'

const USAGE = 'npm run token -- --role customer|transporter|driver|admin --sub <id> [--ttl 30s|15m|1h|7d]'

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const options = z.strictObject({
  role: z.enum(['customer', 'transporter', 'driver', 'admin']),
  sub: clientId,
  ttl: z
    .string()
    .regex(/^[1-9]\d{0,5}[smhd]$/, 'Expected a number and a unit: 30s, 15m, 1h, 7d')
    .default('1h')
    .transform(text => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? 0)),
  refresh: z.literal(undefined, 'Refresh tokens come with a later version').optional(),
})

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
  const { role, sub, ttl } = parsed.data
  const { secret } = await resolveTokenKeys(loadSettings())
  console.log(await signToken({ id: sub, role }, secret, ttl))
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
