/*
 * The releases of the other processes, as far as messages between processes depend on them. Each process announces its
 * protocol with its lease, and learns the oldest protocol of the others.
 */

/** 1: rooms named by ids alone. 2: by role and id. Releases before this number existed count as 1. */
export const PROTOCOL = 2

export class Peers {
  /** Until the first announcement the others are unknown, so messages are sent for both protocols. */
  #oldest = 1
  #onOldCame = () => {}

  /** `oldest` is the oldest protocol of the other living processes, null if there are none. */
  note(oldest: number | null): void {
    const wereOld = this.areOld()
    this.#oldest = oldest ?? PROTOCOL
    if (!wereOld && this.areOld()) this.#onOldCame()
  }

  /** Whether a living process uses an older protocol. */
  areOld(): boolean {
    return this.#oldest < PROTOCOL
  }

  /** Calls `listener` when a process with an older protocol appears and there was none before. */
  onOldCame(listener: () => void): void {
    this.#onOldCame = listener
  }
}
