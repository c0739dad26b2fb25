/** Requests of one connection in progress at once. Clients that pipeline send some ten ahead. */
const MOST_AT_ONCE = 32
/**
 * Requests of one connection that may wait behind them. Reading stops as soon as one waits, but a single read of 64 KB can
 * contain up to 2,400 minimal requests.
 */
const MOST_WAITING = 1_000

export interface InTurn {
  /** Whether it has its turn now. */
  isInProgress: boolean
}

/** The turns of one connection's requests: a few are in progress at once, and the others wait in their order. */
export class Turns<T extends InTurn> {
  readonly #begin: (request: T) => void
  readonly #hasRoom: () => boolean
  readonly #waiting: T[] = []
  #inProgress = 0
  #isBeginning = false

  /** `hasRoom`: whether one more may begin, whatever the number in progress. */
  constructor(begin: (request: T) => void, hasRoom: () => boolean) {
    this.#begin = begin
    this.#hasRoom = hasRoom
  }

  /** Begins a request, or lets it wait for its turn. `refused`: too many wait already. */
  take(request: T): 'begun' | 'waiting' | 'refused' {
    if (this.#waiting.length === 0 && this.#mayBegin) {
      this.#start(request)
      return 'begun'
    }
    if (this.#waiting.length >= MOST_WAITING) return 'refused'
    this.#waiting.push(request)
    return 'waiting'
  }

  /** Ends the turn of a request, if it has one, and begins waiting ones. Returns whether the last of these has begun. */
  release(request: T): boolean {
    if (request.isInProgress) {
      request.isInProgress = false
      this.#inProgress--
    }
    // Not recursive: requests that are answered at once would nest one call for each request.
    if (this.#waiting.length === 0 || this.#isBeginning) return false
    this.#isBeginning = true
    while (this.#mayBegin) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#start(next)
    }
    this.#isBeginning = false
    return this.#waiting.length === 0
  }

  clear(): void {
    this.#waiting.length = 0
  }

  get #mayBegin(): boolean {
    return this.#inProgress < MOST_AT_ONCE && this.#hasRoom()
  }

  #start(request: T): void {
    this.#inProgress++
    request.isInProgress = true
    this.#begin(request)
  }
}
