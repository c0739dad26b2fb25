/*
 * A stable address in front of a server that may be replaced, like a DNS name or a virtual address in production. Open
 * connections are either cut, which fences the old server, or left alone.
 */
import { startRoughNetwork } from '../network/rough-network.js'

export interface Switch {
  readonly port: number
  /** Sends new connections there and cuts open ones. `undefined`: nowhere. */
  lead(port: number | undefined): void
  /** The same, but leaves open connections alone, like a DNS change. */
  leadNewOnes(port: number): void
  close(): Promise<void>
}

export async function startSwitch(target: number): Promise<Switch> {
  const addressOf = (port: number) => `tcp://127.0.0.1:${port}`
  const network = await startRoughNetwork([addressOf(target)])
  return {
    port: Number(new URL(network.url).port),
    lead(port) {
      network.lead(port === undefined ? [] : [addressOf(port)])
      network.cut()
    },
    leadNewOnes: port => network.lead([addressOf(port)]),
    close: network.close,
  }
}
