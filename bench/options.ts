import { parseArgs } from 'node:util'

export interface Options {
  /** Ids of parts. */
  readonly parts: readonly string[]
  readonly isQuick: boolean
}

/**
 * Of the command line. A name, in any case, stands for the part of that id and for those within it, as `b5` for `B5.late`;
 * none stands for all. Throws for one that is not known.
 */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const isNamed = (id: string, name: string) => `${id}.`.toLowerCase().startsWith(`${name}.`.toLowerCase())
  const unknown = positionals.filter(name => !known.some(id => isNamed(id, name)))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: the parts are ${known.join(', ')}`)
  const named = known.filter(id => positionals.some(name => isNamed(id, name)))
  return { parts: positionals.length === 0 ? known : named, isQuick: values.quick }
}
