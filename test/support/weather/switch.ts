/*
 * A stable address in front of a server that may be replaced, as a DNS name or a virtual address is in production.
 * Connections that stand are cut, so that what it no longer leads to is fenced, or left alone.
 */
import { startRoughNetwork } from '../rough-network.js'

export interface Switch {
  readonly port: number
  /** From now on new connections go there; those that stand are cut. `undefined`: nowhere. */
  lead(port: number | undefined): void
  /** The same, but connections that stand are left alone, as when a name leads elsewhere. */
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
