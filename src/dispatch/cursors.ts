/* Cursors: opaque to clients, the place of the last item seen to us. Anybody may forge one, so they are parsed. */
import type { Found } from './ports.js'
import { problem, type Result } from './problems.js'
import { clientId, instanceId } from './requests.js'

/** What a cursor of one kind of list holds. */
export interface CursorKind<T> {
  parse(text: string): T | undefined
}

export const idCursor: CursorKind<string> = {
  parse: text => (instanceId.safeParse(text).success ? text : undefined),
}

/** Of drivers and vehicles: microseconds and the client's own id. */
export const positionCursor: CursorKind<string> = {
  parse: text => (/^\d{1,17}\.[A-Za-z0-9_.:-]{1,64}$/.test(text) ? text : undefined),
}

export const clientIdCursor: CursorKind<string> = {
  parse: text => (clientId.safeParse(text).success ? text : undefined),
}

export const versionCursor: CursorKind<number> = {
  parse: text => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
}

/** Of serial ids: fifteen digits are exact in JavaScript. */
export const numberCursor: CursorKind<number> = {
  parse: text => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
}

export function encodeCursor(place: string | number): string {
  return Buffer.from(String(place)).toString('base64url')
}

/** `undefined` without a cursor. */
export function decodeCursor<T>(kind: CursorKind<T>, cursor: string | undefined): Result<T | undefined> {
  if (cursor === undefined) return { ok: true, value: undefined }
  const text = Buffer.from(cursor, 'base64url').toString()
  const value = encodeCursor(text) === cursor ? kind.parse(text) : undefined
  if (value !== undefined) return { ok: true, value }
  return problem('VALIDATION_FAILED', {
    members: { errors: [{ path: 'cursor', message: 'Expected a nextCursor of this list' }] },
  })
}

/**
 * A page of `limit` out of up to `limit + 1` items read: the one too many says that there is more. So does a look that
 * ended before the list did; then a page may be short, even empty, and still have a next one.
 */
export function pageOf<TItem, TView>(
  { items, lookedDownTo }: Found<TItem>,
  limit: number,
  placeOf: (item: TItem) => string | number,
  view: (item: TItem) => TView,
): { items: readonly TView[]; nextCursor: string | null } {
  const shown = items.slice(0, limit)
  const last = shown.at(-1)
  const next = items.length > limit && last !== undefined ? placeOf(last) : lookedDownTo
  return { items: shown.map(view), nextCursor: next === undefined ? null : encodeCursor(next) }
}
