/* Records an event's outcome: in the meter and in its span. */
import type { Attributes, Meter, Span } from './telemetry.js'
import type { Actor, CreateOutcome, Limited, Outcome, Replayed } from './types.js'

type Decided = CreateOutcome | Outcome | Replayed | Limited

/** Ends `span` with the outcome of `work`. */
export function ending<T>(span: Span, work: Promise<T>, attributesOf: (value: T) => Attributes): Promise<T> {
  return work.then(
    value => {
      span.end(attributesOf(value))
      return value
    },
    error => {
      span.end({}, error)
      throw error
    },
  )
}

/** Runs `work` and records the outcome of the event. */
export function noted<T extends Decided>(
  work: Promise<T>,
  {
    machine,
    event,
    span,
    meter,
  }: { machine: string; event: string; span: Span | undefined; meter: Meter | undefined },
): Promise<T> {
  if (meter === undefined && span === undefined) return work
  const decided =
    meter === undefined
      ? work
      : work.then(outcome => {
          const word = wordOf(outcome)
          // Applied events, including timers, are counted at the commit.
          if (word !== 'applied' && word !== 'created') meter.decided(machine, event, word)
          return outcome
        })
  return span === undefined ? decided : ending(span, decided, attributesOf)
}

/** The actor with the trace of its transition. The journal passes the trace on to the delivering process. */
export function traced(actor: Actor, span: Span | undefined): Actor {
  return span?.context === undefined ? actor : { ...actor, trace: span.context }
}

const wordOf = (outcome: Decided) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind)

function attributesOf(outcome: Decided): Attributes {
  const attributes = { outcome: wordOf(outcome) }
  if (!('instance' in outcome) || outcome.kind === 'refused') return attributes
  return { ...attributes, version: outcome.version, instance: outcome.instance.id }
}
