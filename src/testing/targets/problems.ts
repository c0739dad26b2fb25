/* The audit of the data that a target has stored, as sentences. */
import { type AuditStore, audit } from '../../runtime/audit.js'
import type { Subject } from '../subject.js'

/** Checks every stored instance against its own journal; see docs/architecture/invariants.md. */
export async function problemsOf(store: AuditStore, subject: Subject): Promise<string[]> {
  const problems: string[] = []
  for await (const violation of audit(store, [subject.definition], subject.invariants)) {
    const { invariant, instance, message } = violation
    problems.push(`invariant ${invariant}${instance === undefined ? '' : ` of ${instance}`}: ${message}`)
  }
  return problems
}
