import { parseArgs } from 'node:util'

export interface Options {
  readonly parts: readonly string[]
  readonly isQuick: boolean
}

/** Of the command line: names of parts in any case, none for all. Throws for one that is not known. */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const parts = positionals.map(name => name.toUpperCase())
  const unknown = parts.filter(name => !known.includes(name))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: the parts are ${known.join(', ')}`)
  return { parts: parts.length === 0 ? known : parts, isQuick: values.quick }
}
