export interface RoomSize {
  readonly count: number
  readonly bytes: number
}

/**
 * Counts the contents of a bounded room. It refuses nothing itself; callers check `isFull`. A room that stays full while
 * nothing leaves is stuck, which `/health` reports.
 */
export class Room {
  readonly most: RoomSize
  count = 0
  bytes = 0
  #left = 0
  #leftAtLook = 0
  #stuckSinceMs: number | undefined

  constructor(most: RoomSize) {
    this.most = most
  }

  get isFull(): boolean {
    return this.count >= this.most.count || this.bytes >= this.most.bytes
  }

  enter(bytes: number): void {
    this.count++
    this.bytes += bytes
  }

  /** An item in the room has grown. */
  grow(bytes: number): void {
    this.bytes += bytes
  }

  leave(bytes: number): void {
    this.count--
    this.bytes -= bytes
    this.#left++
  }

  /** Checks whether the room is stuck. Call it at regular intervals. */
  look(nowMs: number): void {
    const isStuck = this.isFull && this.#left === this.#leftAtLook
    this.#stuckSinceMs = isStuck ? (this.#stuckSinceMs ?? nowMs) : undefined
    this.#leftAtLook = this.#left
  }

  /** How long the room has been full without anything leaving; 0 if it is not stuck. */
  stuckMs(nowMs: number): number {
    return this.#stuckSinceMs === undefined ? 0 : nowMs - this.#stuckSinceMs
  }
}
