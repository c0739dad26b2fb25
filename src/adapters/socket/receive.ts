/* Handles the messages of a socket: limits, order, the handler, and always an acknowledgement. */
import type { Logger } from 'pino'
import { createTokenBucket } from '../../concurrency/token-bucket.js'
import { expectedProblem } from '../../dispatch/border.js'
import { personKey } from '../../dispatch/person.js'
import { type Problem, problem, type Result } from '../../dispatch/problems.js'
import type { SocketLimits } from './limits.js'
import { type MessageContext, messageHandlers } from './messages.js'
import { socketProblem } from './socket-problem.js'

/** After this many refusals a socket that does not slow down is disconnected. */
const MAX_REFUSED_MESSAGES = 200

/**
 * Handles the messages of one socket one after another, because an `unwatch` must not overtake its `watch`. The first
 * waits for `isReady`, which never rejects: missed events come before new answers. Heartbeats wait only for heartbeats,
 * so that a long resume does not make the client look absent.
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
      log.warn({ person: personKey(caller) }, 'disconnected a socket that sends too many messages')
      socket.disconnect(true)
    }
  })
}

/** Additional members of the acknowledgement, if any. */
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
    if (expected === undefined)
      log.error({ err: error, person: personKey(context.caller), type }, 'unexpected error')
    return { ok: false, problem: expected ?? { code: 'UNAVAILABLE', retryAfterSeconds: 1 } }
  }
}

/** Takes the acknowledgement callback out of `parts`, where it is last if the client wants one. */
function takeAcknowledger(parts: unknown[]): (answer: unknown) => void {
  if (typeof parts.at(-1) !== 'function') return () => {}
  return parts.pop() as (answer: unknown) => void
}
