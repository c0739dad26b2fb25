/* Sends operations to an engine, and turns its answers and errors into outcomes of a history. */
import type { Engine } from '../../runtime/api.js'
import {
  InvalidEventError,
  OverloadedError,
  StoreUnavailableError,
  UnknownInstanceError,
} from '../../runtime/errors.js'
import type { CreateOutcome, Outcome, Replayed } from '../../runtime/types.js'
import { defined } from '../../types/defined.js'
import type { Answer, Session } from '../run.js'

export async function sendTo(engine: Engine, question: Parameters<Session['send']>[0]): Promise<Answer> {
  const { actor, caller, instance, event, ifVersion, key } = question
  const scope = `caller ${caller} ${instance}`
  return answerOf(
    await engine.send(instance, event, {
      actor: { id: actor, role: 'caller' },
      ...defined({ ifVersion }),
      ...(key === undefined ? {} : { key: { scope, key, fingerprint: JSON.stringify(event) } }),
    }),
  )
}

export async function readFrom(engine: Engine, id: string): Promise<Answer> {
  const found = await engine.get(id)
  if (found === undefined) return { outcome: { kind: 'failed', error: 'no such instance' } }
  return { outcome: { kind: 'read', version: found.version }, seen: found.snapshot }
}

export function answerOf(outcome: Outcome | CreateOutcome | Replayed): Answer {
  switch (outcome.kind) {
    case 'created':
      return {
        outcome: { kind: 'applied', version: 1, uid: outcome.uid },
        instance: outcome.instance.id,
        seen: outcome.instance.snapshot,
      }
    case 'applied': {
      const { version, uid, instance } = outcome
      return { outcome: { kind: 'applied', version, uid }, seen: instance.snapshot }
    }
    case 'unchanged':
      return { outcome: { kind: 'unchanged', version: outcome.version }, seen: outcome.instance.snapshot }
    case 'refused': {
      const { reason } = outcome
      if ('holder' in outcome) return { outcome: { kind: 'refused', reason, holder: outcome.holder } }
      return {
        outcome: { kind: 'refused', reason, version: outcome.version },
        seen: outcome.instance.snapshot,
      }
    }
    case 'replayed': {
      const { instance, version } = outcome.used
      return { outcome: { kind: 'replayed', instance, version }, instance }
    }
  }
}

/** An error that leaves open whether the operation was done, or one that says it was not. */
export function answerOfError(error: unknown): Answer {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  if (error instanceof OverloadedError || error instanceof StoreUnavailableError) {
    return { outcome: { kind: 'unknown', error: text } }
  }
  if (error instanceof InvalidEventError || error instanceof UnknownInstanceError) {
    return { outcome: { kind: 'failed', error: text } }
  }
  // A defect: the checker reports it.
  return { outcome: { kind: 'failed', error: `defect: ${text}` } }
}
