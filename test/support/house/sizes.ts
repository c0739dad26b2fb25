/* The limits of STYLE for the size of files and functions, checked on the syntax tree. */
import { parseSync } from '@swc/core'
import type { SourceFile } from './import-rules.js'

export const MAX_FILE_LINES = 300
export const MAX_FUNCTION_LINES = 70

/** The comment of a longer function says why it is one: "Over 70 lines because …". */
const REASON = `Over ${MAX_FUNCTION_LINES} lines because `

/** A node of the tree, as far as it matters here. A span counts bytes. */
interface Node {
  readonly type?: string
  readonly span?: { readonly start: number; readonly end: number }
  readonly value?: unknown
  readonly [key: string]: unknown
}

interface FunctionSize {
  /** The first line of its statement, from 1. */
  readonly line: number
  readonly lines: number
}

/** Names each file that is too long, except those in `reasons`. */
export function findLongFiles(
  files: readonly SourceFile[],
  reasons: Readonly<Record<string, string>>,
): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = linesOf(text).length
    return lines > MAX_FILE_LINES && reasons[path] === undefined ? [`${path} has ${lines} lines`] : []
  })
}

/** Names each function that is too long and whose comment gives no reason. */
export function findLongFunctions(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const lines = linesOf(file.text)
    return functionSizes(file)
      .filter(size => size.lines > MAX_FUNCTION_LINES && !commentAbove(lines, size.line).includes(REASON))
      .map(size => `${file.path}:${size.line} has a function of ${size.lines} lines`)
  })
}

/**
 * The size of each function, from its first line to its closing brace. Tests are left out, and so are functions that hold
 * tests: a test is read from top to bottom, and a group is as long as it has tests.
 */
export function functionSizes({ path, text }: SourceFile): FunctionSize[] {
  // The tree counts from its first token, which this makes the first byte.
  const source = `;${text}`
  const bytes = Buffer.from(source)
  const module = parseSync(source, { syntax: 'typescript', target: 'es2023' }) as unknown as Node
  const first = module.span?.start ?? 0
  const lineAt = (byte: number) =>
    bytes
      .subarray(0, byte - first)
      .toString()
      .split('\n').length
  const mayHoldTests = path.startsWith('test/') || path.startsWith('infra/test/')
  return functionsIn(module)
    .filter(node => !(mayHoldTests && holdsTests(node)))
    .flatMap(({ span }) => {
      if (span === undefined) return []
      const line = lineAt(span.start)
      return [{ line, lines: lineAt(span.end) - line + 1 }]
    })
}

/** Functions, methods and accessors: all nodes with a body and a list of parameters. Without tests themselves. */
function functionsIn(node: unknown): Node[] {
  const inner = childrenOf(node).flatMap(functionsIn)
  if (isFunction(node)) return [node, ...inner]
  if (!isTest(node)) return inner
  return childrenOf(node.arguments).flatMap(argument => {
    const { expression } = argument as { readonly expression?: unknown }
    return isFunction(expression) ? childrenOf(expression).flatMap(functionsIn) : functionsIn(argument)
  })
}

function isFunction(node: unknown): node is Node {
  return (
    isNode(node) && isNode(node.body) && (Array.isArray(node.params) || /Getter|Setter/.test(node.type ?? ''))
  )
}

/** Whether it declares tests, or tests that only some machines can run (`describeWithRedis`). */
function holdsTests(node: unknown): boolean {
  return isTest(node) || childrenOf(node).some(holdsTests)
}

function isTest(node: unknown): node is Node {
  return (
    isNode(node) &&
    node.type === 'CallExpression' &&
    /^(it|test|describe[A-Za-z]*)$/.test(calledName(node) ?? '')
  )
}

/** `it`, for `it(…)`, `it.each(…)(…)` and ``it.each`…`(…)``. */
function calledName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Identifier') return String(node.value)
  return calledName(node.callee ?? node.object ?? node.tag)
}

function commentAbove(lines: readonly string[], line: number): string {
  let from = line - 1
  while (from > 0 && /^\s*(\/\/|\/\*|\*)/.test(lines[from - 1] ?? '')) from--
  return lines
    .slice(from, line - 1)
    .join(' ')
    .replace(/\s+(\*|\/\/)\s+/g, ' ')
    .replace(/\s+/g, ' ')
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, '').split('\n')
}

const childrenOf = (node: unknown): unknown[] =>
  typeof node === 'object' && node !== null ? Object.values(node) : []

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
