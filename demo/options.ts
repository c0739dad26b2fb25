/* The options of the command line. */
import { parseArgs } from 'node:util'
import { z } from 'zod'

export const USAGE =
  'npm run demo -- [--seed 7] [--seconds 40] [--transporters 120] [--customers 50] [--url http://127.0.0.1:3000]'

/** The sockets of all actors are in this process: at most some 8,000. */
const MAX_ACTORS = 2_000

const wholeNumber = (min: number, max: number, standard: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `Expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine(value => value >= min && value <= max, `Expected a whole number from ${min} to ${max}`)
    .default(standard)

const schema = z.object({
  seed: wholeNumber(0, 999_999_999, 7),
  /** The duration of the show, without the preparation and the checks afterwards. */
  seconds: wholeNumber(5, 3_600, 40),
  transporters: wholeNumber(1, MAX_ACTORS, 120),
  customers: wholeNumber(1, MAX_ACTORS, 50),
  /** The URL of a running server. */
  url: z
    .string()
    .refine(text => /^https?:\/\//.test(text) && URL.canParse(text), 'Expected http://host:port')
    .transform(text => new URL(text).origin)
    .optional(),
})

export type Options = z.infer<typeof schema>

/** Throws an error with one line for each wrong argument. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seconds: { type: 'string' },
      transporters: { type: 'string' },
      customers: { type: 'string' },
      url: { type: 'string' },
    },
  })
  const parsed = schema.safeParse({ ...values })
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.map(issue => `  --${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`Bad arguments:\n${lines.join('\n')}\n${USAGE}`)
}
