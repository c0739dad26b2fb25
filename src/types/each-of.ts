/**
 * An object that lists each member of `T`, an optional one perhaps as `undefined`. With `satisfies EachOf<T>`, a list that
 * misses a new member does not compile.
 */
export type EachOf<T> = { [K in keyof T]-?: object extends Pick<T, K> ? T[K] | undefined : T[K] }
