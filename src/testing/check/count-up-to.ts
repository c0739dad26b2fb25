/** Counts the first entries of an ascending list that fit. Every entry before a fitting one must fit too. */
export function countUpTo(ascending: readonly number[], fits: (value: number) => boolean): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (fits(ascending[middle] ?? 0)) low = middle + 1
    else high = middle
  }
  return low
}
