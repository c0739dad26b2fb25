/* An event with a key that was not applied is answered only after checking that the key was not used before. */
import { unavailable } from '../errors.js'
import type { Store } from '../ports.js'
import type { Decision } from './evaluate.js'
import { nameOfKey } from './mailbox.js'

/** Returns the answers to decisions with a key: the decision's own, or the first success of its key. Never throws. */
export async function answersUnlessUsed(
  store: Pick<Store, 'usedKeys'>,
  decisions: readonly Decision[],
): Promise<(() => void)[]> {
  try {
    const found = await store.usedKeys(decisions.flatMap(({ keyToCheck }) => keyToCheck ?? []))
    const used = new Map(found.map(key => [nameOfKey(key), key]))
    return decisions.map(({ pending, answer, keyToCheck }) => {
      const earlier = keyToCheck && used.get(nameOfKey(keyToCheck))
      if (earlier === undefined || pending.kind === 'timer') return answer
      return () => pending.settle({ kind: 'replayed', used: earlier })
    })
  } catch (error) {
    return decisions.map(
      ({ pending }) =>
        () =>
          pending.fail(unavailable(error)),
    )
  }
}
