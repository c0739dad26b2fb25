/** Node's longest timer. A longer one would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Calls `expire` at `expiresAt` (milliseconds since the epoch), however far away. Returns a function that cancels it.
 */
export function atExpiry(expiresAt: number, expire: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = () => {
    const left = expiresAt - Date.now()
    if (left <= 0) return expire()
    timer = setTimeout(wait, Math.min(left, MAX_TIMEOUT_MS)).unref()
  }
  timer = setTimeout(wait, 0).unref()
  return () => clearTimeout(timer)
}
