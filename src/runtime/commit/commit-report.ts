/* Reports a commit to the meter and the tracer: its size, its duration and its results. */
import type { Platform } from '../platform.js'
import type { WriteResult } from '../ports.js'
import type { Conflict, Meter, Tracer } from '../telemetry.js'
import type { Turn } from './decided.js'

/**
 * Counts the commit, and adds it to the trace of each event in it. `startedAt`: the platform's monotonic time in
 * milliseconds.
 */
export function reportCommit(
  {
    platform,
    meter,
    tracer,
  }: {
    readonly platform: Pick<Platform, 'monotonicMs'>
    readonly meter?: Meter | undefined
    readonly tracer?: Tracer | undefined
  },
  turns: readonly Turn[],
  results: readonly WriteResult[],
  startedAt: number,
): void {
  if (meter === undefined && tracer === undefined) return
  const transitions = turns.reduce((sum, { write }) => sum + write.journal.length, 0)
  meter?.committed({ instances: turns.length, transitions, ms: platform.monotonicMs() - startedAt })
  for (const [i, turn] of turns.entries()) {
    const result = results[i]
    if (meter !== undefined && result !== undefined) reportResult(meter, turn, result)
    for (const { pending } of tracer === undefined ? [] : turn.evaluation.decisions) {
      const parent = pending.span?.context
      if (parent === undefined) continue
      const attributes = { instances: turns.length, transitions, result: result?.kind ?? 'none' }
      tracer?.begin('commit', { parent, startedAt }).end(attributes)
    }
  }
}

function reportResult(meter: Meter, { write }: Turn, result: WriteResult): void {
  if (result.kind !== 'moved') {
    meter.conflict(result.kind satisfies Conflict)
    return
  }
  const { machine } = write.row
  for (const { version, event } of write.journal) {
    if (version === 1) meter.decided(machine, 'create', 'created')
    else meter.decided(machine, event.type, 'applied')
  }
}
