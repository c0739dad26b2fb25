/*
 * A stable address in front of a server that may be replaced, as a DNS name or a virtual address is in production.
 * What it no longer leads to is fenced: connections that stand are cut.
 */
import { startRoughNetwork } from '../rough-network.js'

export interface Switch {
  readonly port: number
  /** From now on new connections go there; those that stand are cut. `undefined`: nowhere. */
  lead(port: number | undefined): void
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
    close: network.close,
  }
}
