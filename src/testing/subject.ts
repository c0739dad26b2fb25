/* What the kit must be told about a machine that it cannot read off it: what people send to it. */
import type { Arbitrary } from 'fast-check'
import type { Command } from '../runtime/api.js'
import type { ProductInvariants } from '../runtime/audit.js'
import type { Definition } from '../runtime/definition.js'

export interface Subject {
  readonly definition: Definition
  /** What instances are created from, as plain JSON. Let some of them want the same claims. */
  readonly inputs: Arbitrary<Readonly<Record<string, unknown>>>
  /** What callers send, as plain JSON. Few different values meet more often. */
  readonly commands: Arbitrary<Command>
  /**
   * Fills in what only a living instance can tell, an id that the machine made, say. `seen` is the snapshot that was
   * last answered of it to anybody, if any. Pure; `undefined` when the command makes no sense yet: it is not sent.
   */
  complete?(command: Command, seen: unknown): Command | undefined
  /** Milliseconds after the creation at which much happens at once: deadlines, ends of windows. */
  readonly moments?: readonly number[]
  /** What always holds of an instance and its history, beyond what holds of any machine. */
  readonly invariants?: ProductInvariants
}
