/* `node dist/health-check.js`: exit code 0 if the server in this container is alive. An image without curl needs it. */
import { takeEnvironment } from './app/settings/settings.js'

/** The server answers from memory. If it takes longer than this, its event loop hangs. */
const ANSWER_MS = 4_000

const { PORT = '3000' } = takeEnvironment([])
const answer = await fetch(`http://127.0.0.1:${PORT}/health/live`, {
  signal: AbortSignal.timeout(ANSWER_MS),
}).catch(() => undefined)
process.exitCode = answer?.ok ? 0 : 1
