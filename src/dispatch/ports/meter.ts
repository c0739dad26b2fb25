/** An answer that was given over HTTP. */
export interface Answered {
  /** The route's name; `none` where there is none. */
  readonly route: string
  readonly method: string
  readonly status: number
  /** Of the problem, if it was one. */
  readonly code: string | undefined
  readonly ms: number
}

/**
 * What the product and its doors tell of their work; the runtime has its own (`runtime/telemetry.ts`). Every call is
 * quick and never throws.
 */
export interface ProductMeter {
  answered(answer: Answered): void
  /** A step of a request's reach was handled. Of those it found, some had the offer already, or may not have it. */
  reached(step: { readonly step: string; readonly offered: number; readonly notOffered: number }): void
  /** One emit to sockets, to so many rooms. */
  emitted(type: string, rooms: number): void
  /** Messages of one batch for phones, by what became of them: `sent`, `retried`, `unregistered`, `expired`, `dead`. */
  pushed(outcome: string, messages: number): void
  /** An HTTP client was cut off for being slow, with the reason. */
  cutOff(reason: string): void
}

export const noMeter: ProductMeter = { answered() {}, reached() {}, emitted() {}, pushed() {}, cutOff() {} }
