/* The rules for a Redis user that docs/OPERATIONS.md gives to operators. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../house/import-rules.js'

/** `standalone`: for a single server, also behind sentinels. `sentinel`: for the sentinels' own user. */
export function redisRules(mode: 'standalone' | 'cluster' | 'sentinel'): string {
  const text = readFileSync(join(repositoryRoot, 'docs/OPERATIONS.md'), 'utf8')
  const block = new RegExp(`^~~~acl ${mode}\\n([^~]+)~~~`.replaceAll('~', '`'), 'm').exec(text)?.[1]
  if (block === undefined) throw new Error(`OPERATIONS.md has no rules for ${mode}`)
  return block.trim().split(/\s+/).join(' ')
}
