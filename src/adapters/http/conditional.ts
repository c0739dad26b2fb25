import { invalid } from '../../dispatch/border.js'
import { ok, type Result } from '../../dispatch/problems.js'

/** One entity tag with a version in it, as we give them out: versions are positive integers. */
const etagPattern = /^(W\/)?"([1-9]\d{0,9})"$/

/** No instance ever has it. */
const NEVER = 0

/**
 * `If-Match` → `{ifVersion}`; without the header no condition. A weak tag, which proxies make of ours when they compress an
 * answer, matches no version (RFC 9110, section 13.1.1). Lists and `*` are refused.
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
