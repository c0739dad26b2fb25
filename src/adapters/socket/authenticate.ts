import type { Socket } from 'socket.io'
import type { Dispatch } from '../../dispatch/api.js'
import type { RateLimits } from '../../dispatch/ports.js'
import { type Problem, problem, type Result } from '../../dispatch/problems.js'
import type { TokenVerifier, VerifiedToken } from '../../dispatch/tokens.js'
import { socketProblem } from './socket-problem.js'

/** The identity of a socket, set once at its handshake. */
export interface SocketData extends VerifiedToken {}

/**
 * Socket.IO's middleware. Sets `socket.data`, or refuses with `connect_error` and the problem document in its `data`.
 */
export function authenticateSockets(verifyToken: TokenVerifier, limits: RateLimits, dispatch: Dispatch) {
  return async (socket: Socket, next: (error?: Error) => void): Promise<void> => {
    const result = await identify(socket.handshake.auth.token, verifyToken, limits, dispatch).catch(
      (): Result<VerifiedToken> => problem('UNAVAILABLE', { retryAfterSeconds: 1 }),
    )
    if (!result.ok) return next(connectError(result.problem))
    socket.data = result.value satisfies SocketData
    next()
  }
}

async function identify(
  token: unknown,
  verifyToken: TokenVerifier,
  limits: RateLimits,
  dispatch: Dispatch,
): Promise<Result<VerifiedToken>> {
  if (typeof token !== 'string') {
    return problem('UNAUTHENTICATED', { detail: 'Expected a token in auth.token' })
  }
  const verified = await verifyToken(token)
  if (!verified.ok) return verified
  const retryAfterSeconds = limits.ofUser(verified.value.caller)
  if (retryAfterSeconds !== undefined) return problem('RATE_LIMITED', { retryAfterSeconds })
  const admitted = await dispatch.admit(verified.value)
  return admitted.ok ? verified : admitted
}

function connectError(refusal: Problem): Error {
  const document = socketProblem(refusal)
  return Object.assign(new Error(String(document.title)), { data: document })
}
