import { invalid } from '../../dispatch/border.js'
import { ok, type Result } from '../../dispatch/problems.js'

/** One strong entity tag with a version in it, as we give them out: versions are positive integers. */
const etagPattern = /^"([1-9]\d{0,9})"$/

/** `If-Match` → `{ifVersion}`; without the header no condition. Lists, `*` and weak tags are refused. */
export function parseIfMatch(header: string | undefined): Result<{ ifVersion?: number }> {
  if (header === undefined) return ok({})
  const version = etagPattern.exec(header.trim())?.[1]
  if (version !== undefined) return ok({ ifVersion: Number(version) })
  return invalid([{ path: 'If-Match', message: 'Expected one version in quotes, such as "3"' }])
}

export function etagOf(version: number): string {
  return `"${version}"`
}
