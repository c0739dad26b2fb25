/*
 * Resume points. Clients do not read them: a point is the id of any envelope, or the `next` of an answer. Anyone may
 * forge one, so they are parsed, and they reveal nothing that their bearer may not read anyway.
 */
import type { EventPosition, Mark, Micros } from '../ports.js'

export type Point =
  | { readonly kind: 'mark'; readonly mark: Mark }
  /** Everything up to this moment has been read. */
  | { readonly kind: 'moment'; readonly at: Micros }
  /** In the middle of what was recorded after `since`. This reading began at `begunAt`. */
  | {
      readonly kind: 'page'
      readonly since: Micros
      readonly begunAt: Micros
      readonly after: EventPosition
    }

/** The key of an event, and its stamp in milliseconds. */
interface EventPlace {
  readonly instance: string
  readonly version: number
  readonly index: number
  readonly at: number
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
/** Until the year 2286. Exact as a number. */
const MICROS = '\\d{1,16}'
const VERSION = '\\d{1,9}'
const INDEX = '\\d{1,4}'
/** Milliseconds in base 36, until the year 5188. */
const STAMP = '[0-9a-z]{1,9}'
const STAMP_RADIX = 36

const patterns = {
  event: new RegExp(`^(${UUID}):(${VERSION}):(${INDEX}):\\d{1,4}(?::(${STAMP}))?$`),
  offer: new RegExp(`^(${UUID}):offer$`),
  moment: new RegExp(`^at:(${MICROS})$`),
  page: new RegExp(`^page:(${MICROS}):(${MICROS}):(${MICROS}):(${UUID}):(${VERSION}):(${INDEX})$`),
}

/**
 * The id of an event's `n`th envelope, the same in every delivery. It contains the stamp: after a failover that lost
 * transactions, another event may have the same version and index.
 */
export function envelopeId(event: EventPlace & { readonly n: number }): string {
  const { instance, version, index, n, at } = event
  return `${instance}:${version}:${index}:${n}:${Math.round(at).toString(STAMP_RADIX)}`
}

/** Returns `undefined` if the text is not a resume point. */
export function parsePoint(text: string): Point | undefined {
  const event = patterns.event.exec(text)
  if (event !== null) {
    const [, instance = '', version, index, stamp] = event
    const at = stamp === undefined ? undefined : Number.parseInt(stamp, STAMP_RADIX)
    return {
      kind: 'mark',
      mark: { kind: 'event', instance, version: Number(version), index: Number(index), at },
    }
  }
  const offer = patterns.offer.exec(text)
  if (offer !== null) return { kind: 'mark', mark: { kind: 'offer', broadcastId: offer[1] ?? '' } }
  const moment = patterns.moment.exec(text)
  if (moment !== null) return { kind: 'moment', at: Number(moment[1]) }
  const page = patterns.page.exec(text)
  if (page === null) return undefined
  const [, since, begunAt, recordedAt, instance = '', version, index] = page
  const after = { recordedAt: Number(recordedAt), instance, version: Number(version), index: Number(index) }
  return { kind: 'page', since: Number(since), begunAt: Number(begunAt), after }
}

export const momentPoint = (at: Micros) => `at:${Math.floor(at)}`

export function pagePoint(since: Micros, begunAt: Micros, after: EventPosition): string {
  const { recordedAt, instance, version, index } = after
  return `page:${Math.max(0, since)}:${Math.floor(begunAt)}:${recordedAt}:${instance}:${version}:${index}`
}
