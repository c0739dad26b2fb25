/* Circles of files that import one another, type imports included. */
import { importsOf, type SourceFile, targetOf } from './import-rules.js'

/** A shortest circle of each group of files that import one another, as a path: `a.ts → b.ts → a.ts`. */
export function findCircles(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map(({ path }) => path))
  const imports = new Map(
    files.map(file => [
      file.path,
      importsOf(file)
        .map(specifier => targetOf(file.path, specifier))
        .filter(target => known.has(target)),
    ]),
  )
  const told = new Set<string>()
  return [...imports.keys()].sort().flatMap(path => {
    if (told.has(path)) return []
    const circle = shortestCircle(path, imports)
    if (circle === undefined) return []
    for (const one of circle) told.add(one)
    return [circle.join(' → ')]
  })
}

/** Breadth first, from `start` back to it. */
function shortestCircle(
  start: string,
  imports: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const next of imports.get(path) ?? []) {
      if (next === start) return pathTo(path, cameFrom, [start])
      if (cameFrom.has(next)) continue
      cameFrom.set(next, path)
      queue.push(next)
    }
  }
  return undefined
}

function pathTo(
  path: string,
  cameFrom: ReadonlyMap<string, string>,
  end: readonly string[],
): readonly string[] {
  const before = cameFrom.get(path)
  const rest = [path, ...end]
  return before === undefined ? rest : pathTo(before, cameFrom, rest)
}
