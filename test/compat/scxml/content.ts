/*
 * Executable content: the elements of an <onentry>, <onexit> or <transition> as one XState action, which works on a copy
 * of the data and gives it back with one assign. An error ends the block and raises `error.execution`.
 */
import { type AnyEventObject, enqueueActions, type MachineContext } from 'xstate'
import { type Condition, conditionOf, systemVariables } from './conditions.js'
import { assignTo, copyOf, evaluate, runScript, type Scope } from './data-model.js'
import { NotConverted } from './refusal.js'
import type { Element } from './xml.js'

/** What of XState's enqueuer is used. */
interface Enqueue {
  assign(data: () => object): void
  raise(event: AnyEventObject, timing?: { readonly delay?: number; readonly id?: string }): void
  cancel(id: string): void
}

interface Run extends Scope {
  readonly enqueue: Enqueue
  readonly holds: (condition: Condition) => boolean
}

type Work = (run: Run) => void

/** The names that a document declares, and what its machine is called. */
export interface Declarations {
  readonly declared: ReadonlySet<string>
  readonly name: string
}

/** Where the next generated send id is counted. */
const COUNTER = '$sends'
const PROCESSORS = ['http://www.w3.org/TR/scxml/#SCXMLEventProcessor', 'http://www.w3.org/TR/scxml']

export function blockOf(elements: readonly Element[], declarations: Declarations): never {
  return actionOf(elements.map(workOf), declarations)
}

/** Data get their values when the machine starts, in document order. One that fails stays undefined. */
export function dataBlock(
  data: readonly Element[],
  scripts: readonly Element[],
  declarations: Declarations,
): never[] {
  const givens = data.map(element => {
    const { id = '', expr, src } = element.attributes
    if (src !== undefined) throw new NotConverted('reads data of another file')
    assertNoXml(element)
    const work: Work = run => {
      const value = expr === undefined ? inline(element, run) : evaluate(expr, run)
      // Declared is enough: what has no value is not stored.
      if (value !== undefined) run.data[id] = value
    }
    return actionOf([work], declarations)
  })
  return [...givens, ...scripts.map(script => actionOf([workOf(script)], declarations))]
}

function actionOf(works: readonly Work[], { declared, name }: Declarations): never {
  return enqueueActions(({ context, event, enqueue, check }) => {
    const run: Run = {
      data: copyOf(context as MachineContext),
      declared,
      system: systemVariables(event as AnyEventObject, name),
      enqueue: enqueue as unknown as Enqueue,
      holds: ({ toGuard }) => check(toGuard(run) as never),
    }
    try {
      for (const work of works) work(run)
    } catch (error) {
      const sendid = error instanceof NotSent ? { sendid: error.id } : {}
      run.enqueue.raise({ type: 'error.execution', kind: 'platform', ...sendid })
    }
    // As a function: a member that is a function itself would be called for its value.
    run.enqueue.assign(() => run.data)
  }) as never
}

function workOf(element: Element): Work {
  const { name, attributes, children, text } = element
  switch (name) {
    case 'raise':
      return ({ enqueue }) => enqueue.raise({ type: attributes.event ?? '', kind: 'internal' })
    case 'log':
      return run => void (attributes.expr === undefined ? undefined : evaluate(attributes.expr, run))
    case 'assign':
      assertNoXml(element)
      return run =>
        assignTo(
          attributes.location ?? '',
          attributes.expr === undefined ? inline(element, run) : evaluate(attributes.expr, run),
          run,
        )
    case 'script':
      if (attributes.src !== undefined) throw new NotConverted('runs a script of another file')
      if (/\bfunction\s+\w/.test(text)) throw new NotConverted('declares functions in a script')
      return run => void runScript(text, run)
    case 'if':
      return choice(element)
    case 'foreach':
      return loop(element, children.map(workOf))
    case 'send':
      return sending(element)
    case 'cancel':
      return run =>
        run.enqueue.cancel(attributes.sendid ?? String(evaluate(attributes.sendidexpr ?? "''", run)))
    default:
      throw new NotConverted(`uses <${name}>`)
  }
}

/** <if> holds its branches one after the other, apart by <elseif> and <else>. */
function choice({ attributes, children }: Element): Work {
  const branches: { condition: Condition | undefined; works: Work[] }[] = [
    { condition: conditionOf(attributes.cond ?? 'false'), works: [] },
  ]
  for (const child of children) {
    if (child.name === 'elseif')
      branches.push({ condition: conditionOf(child.attributes.cond ?? 'false'), works: [] })
    else if (child.name === 'else') branches.push({ condition: undefined, works: [] })
    else branches.at(-1)?.works.push(workOf(child))
  }
  return run => {
    const taken = branches.find(({ condition }) => condition === undefined || run.holds(condition))
    for (const work of taken?.works ?? []) work(run)
  }
}

function loop({ attributes: { array = '', item = '', index } }: Element, works: readonly Work[]): Work {
  const isName = (name: string) => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
  return run => {
    const all = evaluate(array, run)
    if (!Array.isArray(all) || !isName(item)) throw new TypeError(`${array} cannot be walked`)
    for (const [i, one] of [...all].entries()) {
      run.data[item] = one
      if (index !== undefined) run.data[index] = i
      for (const work of works) work(run)
    }
    // Declared by the loop, even where it had nothing to walk.
    if (all.length === 0) run.data[item] ??= null
  }
}

class NotSent extends Error {
  readonly id: string

  constructor(message: string, id: string) {
    super(message)
    this.id = id
  }
}

function sending(element: Element): Work {
  const { attributes: given } = element
  if (given.targetexpr !== undefined) throw new NotConverted('sends to a computed target')
  if (given.typeexpr !== undefined) throw new NotConverted('sends through a computed processor')
  const { target, type = PROCESSORS[0] ?? '' } = given
  if (type.includes('BasicHTTP')) throw new NotConverted('sends over HTTP')
  assertNoXml(element.children.find(({ name }) => name === 'content'))
  if (target === '#_parent') throw new NotConverted('sends to a parent')
  return run => {
    const name = given.event ?? String(evaluate(given.eventexpr ?? "''", run))
    const delay = delayOf(
      given.delay ?? (given.delayexpr === undefined ? '0s' : String(evaluate(given.delayexpr, run))),
    )
    const id = given.id ?? nextId(run)
    if (given.idlocation !== undefined) assignTo(given.idlocation, id, run)
    if (!PROCESSORS.includes(type)) throw new NotSent(`${type} is no processor`, id)
    const data = payloadOf(element, run)
    const event = {
      type: name,
      ...(data === undefined ? {} : { data }),
      ...(given.id === undefined ? {} : { sendid: id }),
    }
    if (target === '#_internal') run.enqueue.raise({ ...event, kind: 'internal' })
    else if (target === undefined) run.enqueue.raise(event, { delay, id })
    else if (target.startsWith('#_'))
      run.enqueue.raise({ type: 'error.communication', kind: 'platform', sendid: id })
    else throw new NotSent(`${target} is no target`, id)
  }
}

function nextId(run: Run): string {
  const number = Number(run.data[COUNTER] ?? 0) + 1
  run.data[COUNTER] = number
  return `send.${number}`
}

/** The values of <param>, a `namelist` or <content>: `_event.data` for the receiver. */
export function payloadOf({ attributes, children }: Element, scope: Scope): unknown {
  const content = children.find(({ name }) => name === 'content')
  if (content !== undefined) {
    return content.attributes.expr === undefined
      ? inline(content, scope)
      : evaluate(content.attributes.expr, scope)
  }
  const names = attributes.namelist?.split(/\s+/).filter(Boolean) ?? []
  const params = children.filter(({ name }) => name === 'param')
  if (names.length + params.length === 0) return undefined
  return Object.fromEntries([
    ...names.map(name => [name, evaluate(name, scope)]),
    ...params.map(({ attributes: { name = '', expr, location } }) => [
      name,
      evaluate(expr ?? location ?? '', scope),
    ]),
  ])
}

/** A value written between the tags: an expression, or else text with its white space collapsed. */
function inline({ text }: Element, scope: Scope): unknown {
  if (text.trim() === '') return undefined
  try {
    return evaluate(text, { ...scope, declared: new Set() })
  } catch {
    return text.trim().replaceAll(/\s+/g, ' ')
  }
}

function assertNoXml(element: Element | undefined): void {
  if ((element?.children.length ?? 0) > 0) throw new NotConverted('has XML as a value')
}

/** Milliseconds of `1s`, `.5s` or `10ms`. */
function delayOf(text: string): number {
  const [, number, unit] = /^([\d.]+)(m?s)$/.exec(text.trim()) ?? []
  if (number === undefined) throw new TypeError(`${text} is no delay`)
  return Number(number) * (unit === 's' ? 1_000 : 1)
}
