/*
 * A machine's documentation, generated from the machine that runs: its configuration as JSON for Stately's importer, and a
 * Mermaid diagram for a README. Pure: `scripts/machines.ts` writes the files.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** The documents of one machine, by file name. */
export const machineDocs = (machine: AnyStateMachine): Readonly<Record<string, string>> => ({
  [`${machine.id}.json`]: machineJson(machine),
  [`${machine.id}.mmd`]: machineMermaid(machine),
})

/** The configuration, with implementations by name. The context's initial value is a function and is left out. */
export const machineJson = (machine: AnyStateMachine) => `${JSON.stringify(machine.config, null, 2)}\n`

/**
 * Returns a `stateDiagram-v2`. Mermaid treats a state named outside its composite as a member of the outer one, and cannot
 * draw an edge from a composite to its own child. So every edge joins two states of the same composite, and its label
 * names the inner end if there is one. Mermaid's `--` between regions removes their names, and with named regions it fails
 * to lay out composites (11.17). So regions are composites side by side, and their parent's title says that they are
 * parallel.
 */
export function machineMermaid({ root }: AnyStateMachine): string {
  const names = [...descend(root)].map(node => node.key)
  if (new Set(names).size !== names.length) throw new Error('Mermaid needs unique names of states')
  const edges = collectEdges(root)
  const lines = root.type === 'parallel' ? drawState(root, edges) : drawInside(root, edges)
  return `${['stateDiagram-v2', ...indent(lines)].join('\n')}\n`
}

interface Edge {
  /** The composite of which both ends are children. */
  readonly scope: AnyStateNode
  readonly from: AnyStateNode
  readonly to: AnyStateNode
  readonly event: string
  /** The guard, and the inner end if the edge is drawn shorter than it is. May be empty. */
  readonly condition: string
}

const indent = (lines: readonly string[]) => lines.map(line => `  ${line}`)

const childrenOf = (node: AnyStateNode): readonly AnyStateNode[] => Object.values(node.states)

function* descend(node: AnyStateNode): Generator<AnyStateNode> {
  yield node
  for (const child of childrenOf(node)) yield* descend(child)
}

/** The nodes from the root down to the node itself. */
const pathOf = (node: AnyStateNode): readonly AnyStateNode[] =>
  node.parent === undefined ? [node] : [...pathOf(node.parent), node]

const transitionsOf = (node: AnyStateNode): readonly AnyTransitionDefinition[] =>
  [...node.transitions.values(), node.always ?? []].flat()

const isInternal = (transition: AnyTransitionDefinition) => transition.target === undefined

function collectEdges(root: AnyStateNode): readonly Edge[] {
  return [...descend(root)].flatMap(source =>
    transitionsOf(source).flatMap(transition => {
      const targets: readonly AnyStateNode[] = transition.target ?? []
      return targets.flatMap(target => edgesOf(source, target, transition))
    }),
  )
}

function edgesOf(source: AnyStateNode, target: AnyStateNode, transition: AnyTransitionDefinition): Edge[] {
  const isInward = source !== target && pathOf(target).includes(source)
  const sources = isInward ? childrenOf(source) : [source]
  const edges = sources.map(from => edgeBetween(from, target, transition))
  if (!isInward) return edges
  // A transition to the same state without actions changes nothing, so it is not drawn.
  return edges.filter(edge => edge.from !== edge.to || transition.actions.length > 0)
}

function edgeBetween(source: AnyStateNode, target: AnyStateNode, transition: AnyTransitionDefinition): Edge {
  const targetPath = pathOf(target)
  const sourcePath = pathOf(source)
  const fork = sourcePath.findIndex((node, depth) => node !== targetPath[depth])
  const depth = fork === -1 ? sourcePath.length - 1 : fork
  const [scope, from, to] = [sourcePath[depth - 1], sourcePath[depth], targetPath[depth]]
  if (scope === undefined || from === undefined || to === undefined) {
    throw new Error(`no composite contains both ends of ${source.id} → ${target.id}`)
  }
  const isEntered = to === target || to.initial?.target?.[0] === target
  const condition = [
    guardLabel(transition.guard),
    from === source ? '' : `from ${source.key}`,
    isEntered ? '' : `to ${target.key}`,
  ]
  return { scope, from, to, event: eventLabel(transition), condition: condition.filter(Boolean).join(' ') }
}

function eventLabel({ eventType, source }: AnyTransitionDefinition): string {
  const prefix = 'xstate.after.'
  if (!eventType.startsWith(prefix)) return eventType
  return `after ${eventType.slice(prefix.length, -(source.id.length + 1))}`
}

function guardLabel(guard: AnyTransitionDefinition['guard']): string {
  if (guard === undefined) return ''
  if (typeof guard === 'string') return `[${guard}]`
  if (typeof guard === 'function') throw new Error('a guard without a name cannot be shown')
  const { type, params } = guard as { type: string; params?: Record<string, unknown> }
  return `[${[type, ...Object.values(params ?? {})].join(' ')}]`
}

function drawState(node: AnyStateNode, edges: readonly Edge[]): readonly string[] {
  if (childrenOf(node).length === 0) return drawLeaf(node)
  const title = node.type === 'parallel' ? `"${node.key} (regions in parallel)" as ${node.key}` : node.key
  return [`state ${title} {`, ...indent(drawInside(node, edges)), '}']
}

/** A leaf, with the transitions that change the data but not the state inside it, as in UML. */
function drawLeaf(node: AnyStateNode): readonly string[] {
  const internal = pathOf(node).flatMap(ancestor => transitionsOf(ancestor).filter(isInternal))
  const texts = withConditions(internal, eventLabel, ({ guard }) => guardLabel(guard))
  return texts.length === 0 ? [node.key] : [node.key, ...texts].map(text => `${node.key} : ${text}`)
}

function drawInside(node: AnyStateNode, edges: readonly Edge[]): readonly string[] {
  const children = childrenOf(node)
  const initial = node.initial?.target?.[0]
  const finals = children.filter(child => child.type === 'final')
  return [
    ...(initial === undefined || node.type === 'parallel' ? [] : [`[*] --> ${initial.key}`]),
    ...children.flatMap(child => drawState(child, edges)),
    ...drawEdges(edges.filter(edge => edge.scope === node)),
    ...finals.map(child => `${child.key} --> [*]`),
  ]
}

/** One arrow for each pair of states, with all transitions between them. */
function drawEdges(edges: readonly Edge[]): readonly string[] {
  const arrows = groupBy(edges, ({ from, to }) => `${from.key} --> ${to.key}`)
  return [...arrows].map(([arrow, along]) => {
    const texts = withConditions(
      along,
      edge => edge.event,
      edge => edge.condition,
    )
    return `${arrow} : ${texts.join('<br/>')}`
  })
}

/** A line for each condition, with all its events. */
function withConditions<T>(
  items: readonly T[],
  eventOf: (item: T) => string,
  conditionOf: (item: T) => string,
): readonly string[] {
  return [...groupBy(items, conditionOf)].map(([condition, same]) => {
    const events = [...new Set(same.map(eventOf))].join(', ')
    return condition === '' ? events : `${events} ${condition}`
  })
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/** Replaces the one Mermaid block of `markdown` by `diagram`. Throws if there is none. */
export function withDiagram(markdown: string, diagram: string): string {
  const block = /```mermaid\n[\s\S]*?```/
  if (!block.test(markdown)) throw new Error('There is no ```mermaid block for the diagram')
  return markdown.replace(block, () => `\`\`\`mermaid\n${diagram.trimEnd()}\n\`\`\``)
}
