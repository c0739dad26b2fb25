/* Cursors hold the place of the last item seen. Clients do not read them. Anyone may forge one, so they are parsed. */
import type { Found } from './ports.js'
import { problem, type Result } from './problems.js'
import { clientId, instanceId } from './requests.js'

/** What the cursors of one kind of list hold. */
export interface CursorKind<T> {
  parse(text: string): T | undefined
}

export const idCursor: CursorKind<string> = {
  parse: text => (instanceId.safeParse(text).success ? text : undefined),
}

/** The place in lists of drivers and vehicles: microseconds and the id that the client chose. */
export const positionCursor: CursorKind<string> = {
  parse: text => (/^\d{1,17}\.[A-Za-z0-9_.:-]{1,64}$/.test(text) ? text : undefined),
}

export const clientIdCursor: CursorKind<string> = {
  parse: text => (clientId.safeParse(text).success ? text : undefined),
}

export const versionCursor: CursorKind<number> = {
  parse: text => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
}

/** The place in lists with serial ids. Fifteen digits are exact in JavaScript. */
export const numberCursor: CursorKind<number> = {
  parse: text => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
}

export function encodeCursor(place: string | number): string {
  return Buffer.from(String(place)).toString('base64url')
}

/** Returns `undefined` without a cursor. */
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
 * Returns a page of `limit` items. Up to `limit + 1` items are read; one too many means that there are more. A search
 * that stopped before the end of the list also has a next page. Its page may then be short or even empty.
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
