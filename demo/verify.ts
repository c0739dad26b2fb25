import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Check } from './checks.js'

/** Runs `npm run verify` on the database of `environment`. */
export async function verifyDatabase(environment: Readonly<Record<string, string>>): Promise<Check> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/verify.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await ended
  const lines = `${output}${code === 0 ? '' : errors}`.split('\n').filter(line => line.trim() !== '')
  const verdict = lines.at(-1)?.trim() ?? 'it said nothing'
  const ok = code === 0
  return { claim: `npm run verify: ${verdict}`, violations: ok ? [] : lines }
}
