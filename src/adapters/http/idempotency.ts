/*
 * `Idempotency-Key` as in draft-ietf-httpapi-idempotency-key-header-07, narrowed by the contract. A repeated success
 * gets the first answer again, without what its caller may no longer see. Refusals are decided anew. For a transition
 * the engine records the key in its commit, and this module only finds it. Elsewhere the answer is stored afterwards,
 * which is enough for commands that are safe to repeat.
 */
import type { Replay } from '../../dispatch/answers.js'
import type { Dispatch } from '../../dispatch/api.js'
import { invalid } from '../../dispatch/border.js'
import { fingerprint } from '../../dispatch/broadcasts/fingerprint.js'
import { atCap } from '../../dispatch/caps.js'
import type { Caller } from '../../dispatch/person.js'
import type { IdempotencyStore, KeptKey } from '../../dispatch/ports.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import type { IdempotencyKey } from '../../runtime/types.js'
import { replyCreated } from './created.js'
import type { Reply } from './reply.js'

/** The contract's limit, in characters. */
const MAX_KEY_LENGTH = 255
/** A structured-field string (RFC 8941), or its content without quotes, which most clients send. */
const keyPattern = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]+)"|([\x21\x23-\x7e][\x20\x21\x23-\x7e]*))$/

export interface KeyedRequest {
  readonly caller: Caller
  readonly method: string
  /** The actual path, without the query. */
  readonly path: string
  /** The parsed body. */
  readonly payload: unknown
}

/** The key of a request, or `undefined` without the header. */
export function parseIdempotencyKey(
  header: string | undefined,
  { caller, method, path, payload }: KeyedRequest,
): Result<IdempotencyKey | undefined> {
  if (header === undefined) return ok(undefined)
  const match = keyPattern.exec(header.trim())
  const key = match?.[1] ?? match?.[2]
  if (key === undefined || key.length > MAX_KEY_LENGTH) {
    const message = `Expected 1 to ${MAX_KEY_LENGTH} printable ASCII characters, in quotes or not`
    return invalid([{ path: 'Idempotency-Key', message }])
  }
  const scope = `${caller.role} ${caller.id} ${method.toUpperCase()} ${path}`
  return ok({ scope, key, fingerprint: fingerprint(payload) })
}

/**
 * Runs `work` under a key. `isCommitted` says that the engine records the key in the commit of the change. Then an
 * earlier success is looked up only when the work changed nothing; otherwise it is looked up first.
 */
export async function runKeyed(
  { keys, dispatch }: { keys: IdempotencyStore; dispatch: Pick<Dispatch, 'replay' | 'seenNow'> },
  caller: Caller,
  key: IdempotencyKey,
  isCommitted: boolean,
  work: () => Promise<Result<Reply>>,
): Promise<Result<Reply>> {
  const earlier = async () => {
    const kept = await keys.find(key)
    return kept && answerAgain(dispatch, caller, key, kept)
  }
  // Keys that were used before still work after their person has reached the daily limit.
  const person = `${caller.role} ${caller.id}`
  const spentMs = keys.spentFor(person)
  if (spentMs !== undefined) return (await earlier()) ?? tooManyKeys(spentMs)
  if (!isCommitted) {
    const again = await earlier()
    if (again !== undefined) return again
  }
  const result = await work()
  // A repeat may be refused or change nothing because the first request already did the work.
  if (isCommitted && !(result.ok && didSomething(result.value))) {
    const again = await earlier()
    if (again !== undefined) return again
  }
  if (!result.ok) return result
  return (await keys.save(key, result.value, person)) ? result : problem('IDEMPOTENCY_KEY_REUSED')
}

/** Refused before the work starts: without a stored key a repeat would do the work twice. */
const tooManyKeys = (waitMs: number) =>
  atCap('Your daily number of Idempotency-Keys is used up. Requests without the header still work', waitMs)

/** Whether the command was applied now, which also means that its commit has recorded the key. */
function didSomething({ status, body }: Reply): boolean {
  return status === 201 || (body as { outcome?: unknown } | undefined)?.outcome === 'applied'
}

async function answerAgain(
  dispatch: Pick<Dispatch, 'replay' | 'seenNow'>,
  caller: Caller,
  key: IdempotencyKey,
  { fingerprint: usedWith, answer, used }: KeptKey,
): Promise<Result<Reply>> {
  if (usedWith !== key.fingerprint) return problem('IDEMPOTENCY_KEY_REUSED')
  const replay = answer === null && used !== null ? await dispatch.replay(caller, used) : undefined
  const reply = answer === null ? replay && replyOf(replay) : (answer as Reply)
  if (reply === undefined) return problem('IDEMPOTENCY_IN_FLIGHT', { retryAfterSeconds: 1 })
  return ok(asReplayed({ ...reply, body: await dispatch.seenNow(caller, reply.body) }))
}

function replyOf(replay: Replay): Reply {
  return replay.kind === 'created' ? replyCreated(replay.value) : { status: 200, body: replay.value }
}

function asReplayed(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, 'idempotency-replayed': 'true' } }
}
