/* The cases of the package, each with the states in which it must be after each event. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { StateValue } from 'xstate'
import type { Backend } from '../harness/backend.js'
import type { Case, Step } from '../harness/case.js'
import { definitionOf } from '../harness/definition.js'
import { refusalOf, runDurable } from '../harness/durable.js'
import { compare } from '../harness/judge.js'
import { runPlain } from '../harness/plain.js'
import { unescaped } from './conditions.js'
import { toMachine } from './convert.js'
import { NotConverted } from './refusal.js'
import { unlikeScxml } from './unlike.js'

export interface ScxmlCase {
  /** Folder and file. */
  readonly name: string
  readonly source: string
  readonly steps: readonly Step[]
  /** The number of a step → the expected states, in alphabetical order. */
  readonly expected: ReadonlyMap<number, string>
}

/** What came of the cases of one origin. */
export interface CaseCount {
  readonly name: string
  readonly passed: number
  /** The reason of each. */
  readonly refused: readonly string[]
}

export type CaseResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A plain actor does not come to the expected states either. */
  | { readonly kind: 'unlike'; readonly how: string }
  | { readonly kind: 'failed'; readonly how: string }

/** Longer than all delays of the W3C's cases, which run by themselves until they have passed or failed. */
const TO_THE_END_MS = 60_000

interface Script {
  readonly initialConfiguration: readonly string[]
  readonly events: readonly {
    readonly after?: number
    readonly event: { readonly name: string; readonly data?: unknown }
    readonly nextConfiguration: readonly string[]
  }[]
}

export function scxmlCases(): ScxmlCase[] {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@scion-scxml/test-framework/package.json')),
    'test',
  )
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.json'))
    .map(name => name.slice(0, -'.json'.length))
    .sort()
    .map(name => {
      const script = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Script
      const source = readFileSync(join(folder, `${name}.scxml`), 'utf8')
      return { name: name.replaceAll('\\', '/').replace('.txml', ''), source, ...stepsOf(script) }
    })
}

function stepsOf({ initialConfiguration, events }: Script): Pick<ScxmlCase, 'steps' | 'expected'> {
  const expected = new Map<number, string>()
  const runsByItself = events.length === 0
  const steps: Step[] = [runsByItself ? TO_THE_END_MS : 0]
  const expect = (states: readonly string[]) => expected.set(steps.length, [...states].sort().join(' '))
  expect(initialConfiguration)
  for (const { after, event, nextConfiguration } of events) {
    if (after !== undefined) steps.push(after)
    // Without a name it only marks a time.
    if (event.name !== '') steps.push({ type: event.name, ...dataOf(event) })
    steps.push(0)
    expect(nextConfiguration)
  }
  return { steps, expected }
}

const dataOf = ({ data }: { readonly data?: unknown }) => (data === undefined ? {} : { data })

/** Without a backend: only what a plain actor, and registration, make of it. */
export async function runScxmlCase(theCase: ScxmlCase, backend?: Backend): Promise<CaseResult> {
  const { name, source, steps } = theCase
  try {
    const machine = toMachine(source)
    const refusal = refusalOf(definitionOf(name, machine, steps))
    if (refusal !== undefined) return { kind: 'refused', reason: refusal }
    const converted: Case = { machine, steps }
    const unlike = unexpected(
      theCase,
      runPlain(converted).map(({ snapshot }) => snapshot.value),
    )
    const known: CaseResult = unlike === undefined ? { kind: 'passed' } : { kind: 'unlike', how: unlike }
    if (backend === undefined) return known
    const durable = await runDurable(name, converted, { backend })
    const finding = compare(name, converted, durable)
    if (finding.kind === 'differs') return { kind: 'failed', how: finding.how }
    // Where a plain actor stops with an error, the event fails.
    if (finding.kind === 'refused' && unlike === undefined)
      return { kind: 'refused', reason: finding.message }
    return known
  } catch (error) {
    if (error instanceof NotConverted) return { kind: 'refused', reason: error.message }
    throw error
  }
}

/**
 * Expected states are those before or after what was sent without a delay is handled: the interpreter that the cases were
 * written with handles it in its own time.
 */
function unexpected(
  { expected, steps }: ScxmlCase,
  values: readonly (StateValue | undefined)[],
): string | undefined {
  const at = (step: number) =>
    leavesOf(values[step] ?? {})
      .sort()
      .join(' ')
  for (const [step, states] of expected) {
    if (at(step) === states || (steps[step - 1] === 0 && at(step - 1) === states)) continue
    return `after step ${step} it is in ${at(step)} instead of ${states}`
  }
  return undefined
}

function leavesOf(value: StateValue): string[] {
  if (typeof value === 'string') return [unescaped(value)]
  return Object.entries(value).flatMap(([key, inner = {}]) =>
    typeof inner === 'object' && Object.keys(inner).length === 0 ? [unescaped(key)] : leavesOf(inner),
  )
}

/** Counts by origin: the W3C's, and SCION's own. */
export function countCases(results: ReadonlyMap<string, CaseResult>): CaseCount[] {
  const origins = [
    { name: 'W3C', is: (name: string) => name.startsWith('w3c-ecma/') },
    { name: 'SCION', is: (name: string) => !name.startsWith('w3c-ecma/') },
  ]
  return origins.map(({ name, is }) => {
    const own = [...results].filter(([one]) => is(one))
    return {
      name,
      passed: own.filter(([, { kind }]) => kind === 'passed').length,
      refused: own.flatMap(([one, result]) => {
        if (result.kind === 'refused') return [result.reason]
        return result.kind === 'unlike' ? [unlikeScxml[one] ?? result.how] : []
      }),
    }
  })
}
