/**
 * Keys of `after` that `before` lacks, each once. Lists of neighbouring snapshots begin and end alike, and to compare
 * hundreds of keys is faster than to make a set of them: only what lies between becomes one.
 */
export function addedKeys(before: readonly string[], after: readonly string[]): string[] {
  let start = 0
  while (start < after.length && before[start] === after[start]) start++
  let [end, endBefore] = [after.length, before.length]
  while (end > start && endBefore > start && before[endBefore - 1] === after[end - 1]) {
    end--
    endBefore--
  }
  if (end === start) return []
  const added = new Set(after.slice(start, end))
  // All of them, since a list may name a key twice.
  for (const key of before) added.delete(key)
  return [...added]
}
