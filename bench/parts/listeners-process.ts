/* The customers of B6. The process records when each message came, and acknowledges those that require it. */
import { setTimeout as delay } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { tokenFor } from '../../test/support/server/tokens.js'
import { epochMs, inFlight } from '../measure.js'
import { customerOf } from '../subject.js'
import { serveOrders } from '../worker.js'
import type { Heard, ListenOrder } from './listeners.js'

const CONNECTED_AT_ONCE = 32
const PATIENCE_MS = 10_000
const LOOK_EVERY_MS = 20

const [url = '', customers = '0'] = process.argv.slice(2)
const byType = new Map<string, Heard[]>()

await inFlight(Number(customers), CONNECTED_AT_ONCE, async i => {
  const token = await tokenFor('customer', customerOf(`${i}`).id)
  const socket = io(url, { auth: { token }, forceNew: true, reconnection: false, transports: ['websocket'] })
  socket.onAny((type: string, { id }: { id: string }, acknowledge?: (answer: object) => void) => {
    const heard = byType.get(type) ?? []
    byType.set(type, heard)
    heard.push({ id, at: epochMs() })
    acknowledge?.({ ok: true })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
})

async function take({ type, count }: ListenOrder): Promise<readonly Heard[]> {
  const giveUpAt = performance.now() + PATIENCE_MS
  while ((byType.get(type)?.length ?? 0) < count && performance.now() < giveUpAt) await delay(LOOK_EVERY_MS)
  const heard = byType.get(type) ?? []
  byType.delete(type)
  return heard
}

serveOrders(take, () => process.exit(0))
