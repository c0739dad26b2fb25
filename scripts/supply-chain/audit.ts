import { z } from 'zod'

/** Below these there are too many that cannot be reached from here; npm's own words for weight. */
const WEIGHTY = ['high', 'critical'] as const

const report = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({ name: z.string(), severity: z.string(), range: z.string().optional() }),
  ),
})

/** What `npm audit --json` printed, as a verdict. No report is no verdict, which is said and passes. */
export function judgeAudit(output: string): { readonly isGood: boolean; readonly says: string } {
  const parsed = report.safeParse(parseJson(output))
  if (!parsed.success)
    return { isGood: true, says: 'npm audit: the registry did not answer; nothing was checked' }
  const found = Object.values(parsed.data.vulnerabilities)
  const weighty = found.filter(({ severity }) => (WEIGHTY as readonly string[]).includes(severity))
  if (weighty.length === 0)
    return { isGood: true, says: `npm audit: ${found.length} known holes, none of weight` }
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
