/*
 * The people whose tokens a start outside production prints. The driver is in the transporter's fleet, so both can be
 * tried at once.
 */
import { signToken } from '../adapters/tokens/jwt.js'
import type { Caller } from '../dispatch/person.js'

const transporter: Caller = { id: 't1', role: 'transporter' }
const driver: Caller = { id: 'd1', role: 'driver' }

export const demoPeople: readonly Caller[] = [
  { id: 'c1', role: 'customer' },
  transporter,
  driver,
  { id: 'a1', role: 'admin' },
]

/** Long enough for a database that has just started. Without an answer the start continues. */
const TIMEOUT_MS = 5_000

/**
 * Invites the driver and accepts the invitation, as apps do, unless the driver is in a fleet. Throws if the server
 * answers unexpectedly.
 */
export async function hireDemoDriver(url: string, secret: string): Promise<void> {
  const call = callerOf(url, secret)
  const { transporterId } = await call(driver, 'GET', '/driver/fleet')
  if (transporterId !== null) return
  await call(transporter, 'PUT', `/transporter/drivers/${driver.id}`, { name: 'Asha' })
  await call(driver, 'POST', '/driver/fleet', { transporterId: transporter.id })
}

const callerOf =
  (url: string, secret: string) => async (caller: Caller, method: string, path: string, body?: object) => {
    const token = await signToken(caller, secret, TIMEOUT_MS)
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok)
      throw new Error(`${method} ${path} returned ${response.status}: ${await response.text()}`)
    return (await response.json()) as { readonly transporterId?: string | null }
  }
