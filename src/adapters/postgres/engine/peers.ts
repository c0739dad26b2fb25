/*
 * Which releases the other processes are of, as far as it matters for what processes say to one another. Each announces
 * the protocol it speaks with its lease, and learns the oldest one spoken by the others.
 */

/** 1: rooms named by ids alone. 2: by role and id. A release from before there was a number speaks 1. */
export const PROTOCOL = 2

export class Peers {
  /** Until the first announcement nobody knows, and what is said is said in both ways. */
  #oldest = 1
  #onOldCame = () => {}

  /** `oldest`: of the other living processes, null if there are none. */
  note(oldest: number | null): void {
    const wereOld = this.areOld()
    this.#oldest = oldest ?? PROTOCOL
    if (!wereOld && this.areOld()) this.#onOldCame()
  }

  /** Whether a process lives that speaks an older protocol. */
  areOld(): boolean {
    return this.#oldest < PROTOCOL
  }

  /** `listener` is called when a process is found that speaks an older one, where there was none. */
  onOldCame(listener: () => void): void {
    this.#onOldCame = listener
  }
}
