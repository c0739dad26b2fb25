/* The events of a simulation, line by line. The same seed gives the same lines. */

export interface TraceEntry {
  readonly atMs: number
  readonly from: string
  readonly to: string
  readonly text: string
}

export interface Trace {
  note(from: string, to: string, text: string): void
  readonly entries: readonly TraceEntry[]
  /** A hash of all lines, equal for two runs of one seed. */
  fingerprint(): string
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** `keeps` says whether the lines are kept to be shown. The fingerprint always covers all lines. */
export function createTrace(now: () => number, keeps: boolean): Trace {
  const entries: TraceEntry[] = []
  let hash = FNV_OFFSET
  const add = (text: string) => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
  }
  return {
    entries,
    note(from, to, text) {
      const atMs = now()
      add(`${atMs} ${from} ${to} ${text}\n`)
      if (keeps) entries.push({ atMs, from, to, text })
    },
    fingerprint: () => (hash >>> 0).toString(16).padStart(8, '0'),
  }
}

/** The usual viewers do not draw longer diagrams, and people do not read them. */
const MAX_DRAWN = 200

/** A Mermaid sequence diagram of the last lines. */
export function traceMermaid(entries: readonly TraceEntry[]): string {
  const drawn = entries.slice(-MAX_DRAWN)
  const names = [...new Set(drawn.flatMap(({ from, to }) => [from, to]))].sort()
  const idOf = (name: string) => name.replace(/\W/g, '_')
  const lines = drawn.map(({ atMs, from, to, text }) => {
    const label = `${atMs.toFixed(2)} ms: ${text.replaceAll(/[;#<>]/g, ' ').replaceAll('\n', ' ')}`
    return from === to ? `Note over ${idOf(from)}: ${label}` : `${idOf(from)}->>${idOf(to)}: ${label}`
  })
  const left = entries.length - drawn.length
  const participants = names.map(name => `participant ${idOf(name)} as ${name}`)
  const before =
    left > 0 && names[0] ? [`Note over ${idOf(names[0])}: ${left} earlier lines are left out`] : []
  return `sequenceDiagram\n${[...participants, ...before, ...lines].map(line => `  ${line}`).join('\n')}\n`
}
