/*
 * Random machines as plain JSON, which a failing run prints and which can be pasted into a test: actions and guards have
 * names, and what they do is in words.ts. States are named so that their order in the document is not the alphabet's.
 */
import fc from 'fast-check'
import { actionNames, delayNames, EVENTS, guardNames } from './words.js'

export type Json = { readonly [key: string]: unknown }

interface Draft {
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final'
  readonly children: readonly Draft[]
  readonly history: 'none' | 'shallow' | 'deep'
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  readonly on: readonly (Edge & { readonly event: string })[]
  readonly always: readonly Edge[]
  /** Milliseconds, or the name of a delay. */
  readonly after: readonly (Edge & { readonly delay: number | string })[]
  readonly onDone: readonly Edge[]
}

interface Edge {
  /** Of all states, by number; beyond them: none. */
  readonly target: number
  readonly guard: string | undefined
  readonly actions: readonly string[]
  readonly reenter: boolean
}

const DEEPEST = 3
const NAMES = ['z', 'm', 'a', 'q']

const someOf = (names: readonly string[]) => fc.array(fc.constantFrom(...names), { maxLength: 2 })

const edge: fc.Arbitrary<Edge> = fc.record({
  target: fc.nat(15),
  guard: fc.option(fc.constantFrom(...guardNames), { nil: undefined, freq: 1 }),
  actions: someOf(actionNames),
  reenter: fc.boolean(),
})

const few = <T>(one: fc.Arbitrary<T>, maxLength: number) => fc.array(one, { maxLength })

const oneOfKinds = (weights: Readonly<Partial<Record<Draft['kind'], number>>>) =>
  fc.oneof(
    ...(Object.entries(weights) as [Draft['kind'], number][]).map(([kind, weight]) => ({
      arbitrary: fc.constant(kind),
      weight,
    })),
  )

const draft = (depth: number): fc.Arbitrary<Draft> =>
  fc.record({
    kind: oneOfKinds(
      depth === DEEPEST ? { atomic: 9, final: 1 } : { atomic: 4, compound: 4, parallel: 3, final: 1 },
    ),
    children:
      depth === DEEPEST
        ? fc.constant([])
        : fc.array(
            fc.oneof({ arbitrary: draft(DEEPEST), weight: 2 }, { arbitrary: draft(depth + 1), weight: 1 }),
            { minLength: 2, maxLength: 3 },
          ),
    history: fc.constantFrom('none', 'none', 'shallow', 'deep'),
    entry: someOf(actionNames),
    exit: someOf(actionNames),
    on: fc.array(
      edge.chain(one => fc.constantFrom(...EVENTS, '*').map(event => ({ ...one, event }))),
      { minLength: 1, maxLength: 3 },
    ),
    // Most are left out: a machine that is always moving seldom comes to rest.
    always: fc.oneof({ arbitrary: fc.constant([]), weight: 5 }, { arbitrary: few(edge, 1), weight: 1 }),
    after: few(
      edge.chain(one => fc.constantFrom(10, 20, 30, 50, ...delayNames).map(delay => ({ ...one, delay }))),
      1,
    ),
    onDone: few(edge, 1),
  })

/**
 * A root that is compound or parallel, so that there is something to move, and without history: XState leaves a machine
 * that goes to the history of its own root in no state at all.
 */
export const machineConfigs: fc.Arbitrary<Json> = fc
  .tuple(draft(0), fc.constantFrom('compound' as const, 'parallel' as const))
  .map(([root, kind]) => toConfig({ ...root, kind, always: [], history: 'none' }))

/** A state with its name. */
interface Named {
  readonly id: string
  readonly draft: Draft
}

function toConfig(root: Draft): Json {
  const targets: string[] = []
  collect({ id: 'root', draft: root }, targets)
  return {
    context: { n: 0, log: '', bag: {} },
    // A loop without end is an error of the plain actor too, instead of its end.
    options: { maxIterations: 100 },
    ...stateOf({ id: 'root', draft: root }, targets),
  }
}

const childrenOf = ({ id, draft }: Named): Named[] =>
  hasChildren(draft)
    ? draft.children.map((child, i) => ({ id: `${id === 'root' ? '' : `${id}_`}${NAMES[i]}`, draft: child }))
    : []

const hasChildren = ({ kind }: Draft) => kind === 'compound' || kind === 'parallel'

function collect(named: Named, targets: string[]): void {
  for (const child of childrenOf(named)) {
    targets.push(`#${child.id}`)
    collect(child, targets)
  }
  if (hasChildren(named.draft) && named.draft.history !== 'none') targets.push(`#${named.id}_history`)
}

function stateOf(named: Named, targets: readonly string[]): Json {
  const { id, draft } = named
  const children = childrenOf(named)
  const edgeOf = ({ target, guard, actions, reenter }: Edge): Json => ({
    ...(targets[target] === undefined
      ? {}
      : { target: fromInside(targets[target], id), ...(reenter ? { reenter } : {}) }),
    ...(guard === undefined ? {} : { guard }),
    ...(actions.length === 0 ? {} : { actions }),
  })
  if (draft.kind === 'final') return { id, type: 'final', ...filled({ entry: draft.entry }) }
  const history =
    draft.history === 'none'
      ? {}
      : { history: { id: `${id}_history`, type: 'history', history: draft.history } }
  return {
    id,
    ...(draft.kind === 'parallel' ? { type: 'parallel' } : {}),
    ...(draft.kind === 'compound' ? { initial: children[0]?.id } : {}),
    ...(children.length === 0
      ? {}
      : {
          states: {
            ...Object.fromEntries(children.map(child => [child.id, stateOf(child, targets)])),
            ...history,
          },
        }),
    ...filled({
      entry: draft.entry,
      exit: draft.exit,
      on: grouped(draft.on.map(one => [one.event, edgeOf(one)])),
      // What is never false, or changes nothing, would go on without end.
      always: draft.always.map(one =>
        edgeOf({ ...one, guard: one.guard ?? 'isSmall', actions: ['count', ...one.actions] }),
      ),
      after: grouped(draft.after.map(one => [String(one.delay), edgeOf(one)])),
      onDone: hasChildren(draft) && id !== 'root' ? draft.onDone.map(edgeOf) : [],
    }),
  }
}

/**
 * A state itself instead of its history where it is active: XState would leave such a machine in a state without children,
 * in which no machine can be.
 */
function fromInside(target: string, source: string): string {
  const owner = target.replace(/_history$/, '')
  return target !== owner && `#${source}_`.startsWith(`${owner}_`) ? owner : target
}

/** Without the members that are empty. */
const filled = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => Object.keys(value as object).length > 0))

function grouped(entries: readonly (readonly [string, Json])[]): Json {
  const groups: Record<string, Json[]> = {}
  for (const [key, value] of entries) groups[key] = [...(groups[key] ?? []), value]
  return groups
}
