/*
 * The names in the source of a function given to `enqueueActions`: `enqueue('name')`, `check('name')`,
 * `check(and(['a', 'b']))`. XState resolves them only when the function runs, so the source is the only place where a
 * missing one can be found before. Only literals count. A name that is computed is judged by the step, which fails that
 * event alone.
 */

export interface EnqueuedNames {
  readonly actions: readonly string[]
  readonly guards: readonly string[]
}

const STRING = String.raw`'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|${'`[^`\\\\$]*`'}`
/** A string, or the `type` that an object literal begins with; then the end of the argument. */
const NAME = new RegExp(String.raw`^\s*(?:\{\s*type\s*:\s*)?(${STRING})\s*[,)}]`)
/** `and([…])`, `not(…)`, also as compilers write an import: `(0, xstate_1.and)([…])`. */
const COMBINED = /^\s*(?:\(0,\s*)?(?:[\w$]+\.)?(?:and|or|not)\)?\(/
/** What may stand between the names of a combination. Anything else, and the argument is left alone. */
const COMBINATION = new RegExp(String.raw`^(?:${STRING}|[\s,()[\]]|\b0\b|(?:[\w$]+\.)?\b(?:and|or|not)\b)*$`)

export function enqueuedNames(collect: unknown): EnqueuedNames {
  if (typeof collect !== 'function') return { actions: [], guards: [] }
  const source = withoutComments(Function.prototype.toString.call(collect))
  return {
    actions: [...argumentsOf(source, 'enqueue')].flatMap(nameIn),
    guards: [...argumentsOf(source, 'check')].flatMap(text =>
      COMBINED.test(text) ? namesCombinedIn(text) : nameIn(text),
    ),
  }
}

/** The text after `name(`, wherever the function's parameter of that name is called. */
function* argumentsOf(source: string, name: 'enqueue' | 'check'): Iterable<string> {
  // `({ check }) => check(…)` or `args => args.check(…)`. One that is renamed, or from elsewhere, is not ours.
  const head = source.slice(0, source.indexOf(')') + 1)
  const isDestructured = new RegExp(String.raw`\{[^}]*\b${name}\b(?!\s*:)[^}]*\}`).test(head)
  const parameter = /^(?:async\s+)?(?:function\b[^(]*)?\(?\s*([\w$]+)\s*(?:[,)]|=>)/.exec(source)?.[1]
  if (!isDestructured && parameter === undefined) return
  const caller = isDestructured
    ? String.raw`(?<![\w$.])${name}`
    : String.raw`(?<![\w$.])${parameter}\.${name}`
  for (const match of source.matchAll(new RegExp(String.raw`${caller}\(`, 'g'))) {
    yield source.slice(match.index + match[0].length)
  }
}

function nameIn(text: string): string[] {
  const literal = NAME.exec(text)?.[1]
  return literal === undefined ? [] : [textOf(literal)]
}

function namesCombinedIn(text: string): string[] {
  const argument = text.slice(0, endOfArgument(text))
  if (!COMBINATION.test(argument)) return []
  return [...argument.matchAll(new RegExp(STRING, 'g'))].map(([literal]) => textOf(literal))
}

/** Where the parenthesis that was open before `text` closes. */
function endOfArgument(text: string): number {
  let depth = 1
  for (const { 0: token, index } of text.matchAll(new RegExp(`${STRING}|[()]`, 'g'))) {
    if (token === '(') depth++
    if (token === ')') depth--
    if (depth === 0) return index
  }
  return 0
}

const textOf = (literal: string) => literal.slice(1, -1).replace(/\\(.)/g, '$1')

function withoutComments(source: string): string {
  const token = new RegExp(String.raw`${STRING}|//[^\n]*|/\*[\s\S]*?\*/`, 'g')
  return source.replace(token, text => (text.startsWith('/') ? ' ' : text))
}
