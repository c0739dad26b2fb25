import { parseArgs } from 'node:util'

export interface Options {
  /** The ids of the parts. */
  readonly parts: readonly string[]
  readonly isQuick: boolean
}

/**
 * Reads the command line. A name, in any case, selects the part with that id and those within it: `b5` also selects
 * `B5.late`. Without a name, all parts are selected. Throws if a name is unknown.
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
