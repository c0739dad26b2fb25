/* From a packet to its answer: limits, order, the right handler, an acknowledgement whatever happens. */
import type { Logger } from 'pino'
import { createTokenBucket } from '../../concurrency/token-bucket.js'
import { expectedProblem } from '../../dispatch/border.js'
import { personKey } from '../../dispatch/person.js'
import { type Problem, problem, type Result } from '../../dispatch/problems.js'
import type { SocketLimits } from './limits.js'
import { type MessageContext, messageHandlers } from './messages.js'
import { socketProblem } from './socket-problem.js'

/** Refusals after which a socket that does not slow down is cut off. */
const MAX_REFUSED_MESSAGES = 200

/**
 * Answers every message of one socket, one after the other: an `unwatch` must not overtake its `watch`. The first waits
 * until `isReady`, which never rejects: what a socket missed comes before what it asks for. Heartbeats wait for nothing
 * but heartbeats: a long resume is no reason to be taken for gone.
 */
export function receiveMessages(
  context: MessageContext,
  limits: SocketLimits,
  log: Logger,
  isReady: Promise<void>,
): void {
  const { socket, caller } = context
  const { messagesPerSecond, messageBurst } = limits
  const mayCome = createTokenBucket(messagesPerSecond, messageBurst)
  let refused = 0
  let latest = isReady
  let latestBeat = Promise.resolve()

  socket.onAny((type: string, ...parts: unknown[]) => {
    const acknowledge = takeAcknowledger(parts)
    if (mayCome()) {
      const answer = async () => {
        const result = await handle(context, type, parts[0], log)
        acknowledge(result.ok ? { ok: true, ...more(result.value) } : socketProblem(result.problem))
      }
      if (type === 'heartbeat') latestBeat = latestBeat.then(answer)
      else latest = latest.then(answer)
      return
    }
    acknowledge(socketProblem(tooFast(messagesPerSecond)))
    refused += 1
    if (refused > MAX_REFUSED_MESSAGES) {
      log.warn({ person: personKey(caller) }, 'socket cut off: it floods')
      socket.disconnect(true)
    }
  })
}

/** What an answer says besides `ok`. Most say nothing. */
const more = (value: unknown) => (typeof value === 'object' ? value : undefined)

const tooFast = (perSecond: number): Problem => ({
  code: 'RATE_LIMITED',
  detail: `At most ${perSecond} messages a second`,
  retryAfterSeconds: 1,
})

/** Never throws. */
async function handle(
  context: MessageContext,
  type: string,
  payload: unknown,
  log: Logger,
): Promise<Result<unknown>> {
  const handler = Object.hasOwn(messageHandlers, type) ? messageHandlers[type] : undefined
  if (handler === undefined) {
    return problem('VALIDATION_FAILED', {
      detail: `Expected one of ${Object.keys(messageHandlers).join(', ')}`,
    })
  }
  try {
    return await handler(context, payload)
  } catch (error) {
    const expected = expectedProblem(error)
    if (expected === undefined) log.error({ err: error, person: personKey(context.caller), type }, 'fault')
    return { ok: false, problem: expected ?? { code: 'UNAVAILABLE', retryAfterSeconds: 1 } }
  }
}

/** The last part is the acknowledgement where the client wants one; it is taken out of `parts`. */
function takeAcknowledger(parts: unknown[]): (answer: unknown) => void {
  if (typeof parts.at(-1) !== 'function') return () => {}
  return parts.pop() as (answer: unknown) => void
}
