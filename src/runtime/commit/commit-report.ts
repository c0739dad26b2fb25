/* Reports a commit to the meter and the tracer: its size, its duration and its results. */
import type { Platform } from '../platform.js'
import type { WriteResult } from '../ports.js'
import type { Conflict, Meter, Tracer } from '../telemetry.js'
import type { DecidedWrite } from './decided.js'

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
  batch: readonly DecidedWrite[],
  results: readonly WriteResult[],
  startedAt: number,
): void {
  if (meter === undefined && tracer === undefined) return
  const transitions = batch.reduce((sum, { write }) => sum + write.journal.length, 0)
  meter?.committed({ instances: batch.length, transitions, ms: platform.monotonicMs() - startedAt })
  for (const [i, decided] of batch.entries()) {
    const result = results[i]
    if (meter !== undefined && result !== undefined) reportResult(meter, decided, result)
    for (const { pending } of tracer === undefined ? [] : decided.evaluation.decisions) {
      const parent = pending.span?.context
      if (parent === undefined) continue
      const attributes = { instances: batch.length, transitions, result: result?.kind ?? 'none' }
      tracer?.begin('commit', { parent, startedAt }).end(attributes)
    }
  }
}

function reportResult(meter: Meter, { write }: DecidedWrite, result: WriteResult): void {
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
