/* Runs a row as a plain actor and on engines, and returns the verdict. */
import type { Backend } from './backend.js'
import type { Case, Seen, Texts } from './case.js'
import { definitionOf } from './definition.js'
import { refusalOf, runDurable, UNLIKE } from './durable.js'
import { runPlain } from './plain.js'
import type { Row, Verdict } from './row.js'

export type Finding =
  | { readonly kind: 'same' }
  | { readonly kind: 'as JSON' }
  | {
      readonly kind: 'refused'
      readonly at: 'registration' | 'start' | 'event'
      readonly message: string
    }
  | { readonly kind: 'differs'; readonly how: string }

/** Whether the findings are what the row promises, as a sentence otherwise. */
export function breachOf(verdict: Verdict, finding: Finding): string | undefined {
  const found =
    finding.kind === 'differs'
      ? finding.how
      : finding.kind === 'refused'
        ? `refused at ${finding.at}: ${finding.message}`
        : finding.kind
  if (typeof verdict === 'string') {
    return finding.kind === verdict ? undefined : `should be "${verdict}" and is ${found}`
  }
  const isRefused =
    finding.kind === 'refused' && finding.at === verdict.refused && finding.message.includes(verdict.says)
  return isRefused
    ? undefined
    : `should be refused at ${verdict.refused} with "${verdict.says}" and is ${found}`
}

/** The finding of all runs. Where they do not agree, that is the finding. */
export async function judge(name: string, row: Row, backends: readonly Backend[]): Promise<Finding> {
  const machine = row.machine()
  const refusal = refusalOf(definitionOf(name, machine, row.steps))
  if (refusal !== undefined) return { kind: 'refused', at: 'registration', message: anonymous(refusal, name) }
  const theCase: Case = { machine, input: row.input, steps: row.steps }
  const runs = backends.flatMap(backend => [
    { label: `${backend.name}, restarted`, options: { backend } },
    ...(backend.name === 'memory'
      ? [{ label: 'memory, one engine', options: { backend, restarts: () => false } }]
      : []),
  ])
  const findings = await Promise.all(
    runs.map(async ({ label, options }) => {
      const durable = await runDurable(name, theCase, options)
      return { label, finding: compare(name, theCase, durable) }
    }),
  )
  const [first] = findings
  if (first === undefined) throw new Error('A row needs a backend to run on')
  const other = findings.find(one => JSON.stringify(one.finding) !== JSON.stringify(first.finding))
  if (other === undefined) return first.finding
  const how = [first, other].map(({ label, finding }) => `${label}: ${JSON.stringify(finding, null, 1)}`)
  return { kind: 'differs', how: how.join('\n') }
}

/** What the definition is called, and an instance, differs from run to run. */
function anonymous(message: string, name: string): string {
  return message.replaceAll(name, 'm').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
}

/** Compares step by step. A failed step must have changed nothing, so the comparison continues as if it never came. */
export function compare(name: string, theCase: Case, durable: readonly Seen[]): Finding {
  const failed = durable.findIndex(({ failure }) => failure !== undefined)
  const message = durable[failed]?.failure
  if (message === undefined) return compareSteps(runPlain(theCase), durable)
  if (message.startsWith(UNLIKE)) return { kind: 'differs', how: `step ${failed}: ${message}` }
  const at = failed === 0 ? 'start' : 'event'
  const [before, after] = [durable[failed - 1], durable[failed]]
  if (before !== undefined && before.snapshot.exact !== after?.snapshot.exact) {
    return { kind: 'differs', how: `step ${failed} failed (${message}) and changed the instance` }
  }
  if (after !== undefined && after.emitted.length > 0) {
    return {
      kind: 'differs',
      how: `step ${failed} failed (${message}) and emitted ${exactly(after.emitted)}`,
    }
  }
  if (failed > 0) {
    const without = <T>(all: readonly T[], i: number) => [...all.slice(0, i), ...all.slice(i + 1)]
    const steps = without(theCase.steps, failed - 1)
    const rest = compare(name, { ...theCase, steps }, without(durable, failed))
    if (rest.kind === 'differs') return rest
  }
  return { kind: 'refused', at, message: anonymous(message, name) }
}

function compareSteps(plain: readonly Seen[], durable: readonly Seen[]): Finding {
  let isSame = true
  for (const [i, expected] of plain.entries()) {
    const found = durable[i]
    const step = i === 0 ? 'the start' : `step ${i}`
    if (found === undefined) return { kind: 'differs', how: `${step} was not taken` }
    if (expected.snapshot.asJson !== found.snapshot.asJson) {
      return differs(step, expected.snapshot.exact, found.snapshot.exact)
    }
    const asJson = (emitted: readonly Texts[]) => emitted.map(one => one.asJson).join('\n')
    if (asJson(expected.emitted) !== asJson(found.emitted)) {
      return differs(`${step} (emitted)`, exactly(expected.emitted), exactly(found.emitted))
    }
    if (expected.snapshot.exact !== found.snapshot.exact) isSame = false
    if (exactly(expected.emitted) !== exactly(found.emitted)) isSame = false
  }
  return { kind: isSame ? 'same' : 'as JSON' }
}

const exactly = (emitted: readonly Texts[]) => emitted.map(one => one.exact).join('\n')

const differs = (step: string, plain: string, durable: string): Finding => ({
  kind: 'differs',
  how: `after ${step}\na plain actor: ${plain}\ndurable:       ${durable}`,
})
