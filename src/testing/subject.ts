/* What the kit cannot learn from a machine itself: the inputs and commands that callers send to it. */
import type { Arbitrary } from 'fast-check'
import type { Command } from '../runtime/api.js'
import type { ProductInvariants } from '../runtime/audit.js'
import type { Definition } from '../runtime/definition.js'

export interface Subject {
  readonly definition: Definition
  /** Inputs to create instances from, as plain JSON. Let some of them need the same claims. */
  readonly inputs: Arbitrary<Readonly<Record<string, unknown>>>
  /** Commands that callers send, as plain JSON. Few different values collide more often. */
  readonly commands: Arbitrary<Command>
  /**
   * Fills in values that only a live instance knows, such as an id that the machine made. `seen` is the snapshot that was
   * last answered to any caller, if any. Pure. Returns `undefined` if the command makes no sense yet; it is not sent then.
   */
  complete?(command: Command, seen: unknown): Command | undefined
  /** Milliseconds after the creation at which much happens at once, such as deadlines and ends of windows. */
  readonly moments?: readonly number[]
  /** Properties of an instance and its history that always hold, beyond those of any machine. */
  readonly invariants?: ProductInvariants
}
