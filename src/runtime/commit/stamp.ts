/**
 * Returns a copy of an event or an input with its stamp, which replaces fields of the same names. The stamp goes first,
 * because V8 (Node 20) takes a microsecond for each field that is added to a copied object.
 */
export function stamp<T extends object>(event: T, at: number, uid: string): T & { at: number; uid: string } {
  const copy = { at, uid, ...event }
  copy.at = at
  copy.uid = uid
  return Object.freeze(copy)
}
