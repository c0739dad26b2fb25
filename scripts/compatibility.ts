/* The content of docs/COMPATIBILITY.md. Every row and case is run on the store in memory; its test also runs Postgres. */
import { compatibilityDocument as write } from '../test/compat/document.js'
import { memoryBackend } from '../test/compat/harness/backend.js'
import { judge } from '../test/compat/harness/judge.js'
import { chapters } from '../test/compat/rows/index.js'
import { type CaseResult, countCases, runScxmlCase, scxmlCases } from '../test/compat/scxml/cases.js'

export async function compatibilityDocument(): Promise<string> {
  const found = []
  for (const { title, rows } of chapters) {
    const findings = []
    for (const row of rows) {
      findings.push({ feature: row.feature, finding: await judge('m', row, [memoryBackend()]) })
    }
    found.push({ title, rows: findings })
  }
  const results = new Map<string, CaseResult>()
  for (const one of scxmlCases()) results.set(one.name, await runScxmlCase(one, memoryBackend()))
  return write(found, countCases(results))
}
