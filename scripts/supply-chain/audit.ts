import { z } from 'zod'

/** Less severe ones are too many, and most cannot be exploited here. The words are npm's. */
const WEIGHTY = ['high', 'critical'] as const

const report = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({ name: z.string(), severity: z.string(), range: z.string().optional() }),
  ),
})

/** Judges the output of `npm audit --json`. An output that is no report passes, with a message. */
export function judgeAudit(output: string): { readonly isGood: boolean; readonly says: string } {
  const parsed = report.safeParse(parseJson(output))
  if (!parsed.success)
    return { isGood: true, says: 'npm audit: the registry did not answer, so nothing was checked' }
  const found = Object.values(parsed.data.vulnerabilities)
  const weighty = found.filter(({ severity }) => (WEIGHTY as readonly string[]).includes(severity))
  if (weighty.length === 0)
    return { isGood: true, says: `npm audit: ${found.length} known vulnerabilities, none of them severe` }
  const lines = weighty.map(({ name, severity, range }) => `  ${name} ${range ?? ''}: ${severity}`)
  return { isGood: false, says: `npm audit:\n${lines.join('\n')}` }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
