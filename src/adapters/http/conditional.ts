import { invalid } from '../../dispatch/border.js'
import { ok, type Result } from '../../dispatch/problems.js'

/** One entity tag that holds a version: a positive integer, as `etagOf` writes it. */
const etagPattern = /^(W\/)?"([1-9]\d{0,9})"$/

/** A version that no instance has. */
const NEVER = 0

/**
 * `If-Match` → `{ifVersion}`, or `{}` without the header. Proxies make our tags weak when they compress an answer; a
 * weak tag matches no version (RFC 9110, section 13.1.1). Lists and `*` are refused.
 */
export function parseIfMatch(header: string | undefined): Result<{ ifVersion?: number }> {
  if (header === undefined) return ok({})
  const [, weak, version] = etagPattern.exec(header.trim()) ?? []
  if (version !== undefined) return ok({ ifVersion: weak === undefined ? Number(version) : NEVER })
  return invalid([{ path: 'If-Match', message: 'Expected one version in quotes, such as "3"' }])
}

export function etagOf(version: number): string {
  return `"${version}"`
}
