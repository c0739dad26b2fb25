/** An answer given over HTTP. */
export interface Answered {
  /** The name of the route, or `none`. */
  readonly route: string
  readonly method: string
  readonly status: number
  /** The code of the problem, if the answer was one. */
  readonly code: string | undefined
  readonly ms: number
}

/**
 * What the product and its adapters report about their work. The runtime has its own (`runtime/telemetry.ts`). Every
 * call is quick and never throws.
 */
export interface ProductMeter {
  answered(answer: Answered): void
  /** A step of a request's reach was handled. `notOffered`: found, but had the offer already or may not have it. */
  reached(step: { readonly step: string; readonly offered: number; readonly notOffered: number }): void
  /** One emit to sockets, to `rooms` rooms. */
  emitted(type: string, rooms: number): void
  /** Messages of one batch of pushes, by outcome: `sent`, `retried`, `unregistered`, `expired`, `dead`. */
  pushed(outcome: string, messages: number): void
  /** A slow HTTP client was cut off, with the reason. */
  cutOff(reason: string): void
}

export const noMeter: ProductMeter = { answered() {}, reached() {}, emitted() {}, pushed() {}, cutOff() {} }
