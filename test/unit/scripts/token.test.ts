import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { TEST_REFRESH_SECRET, TEST_SECRET } from '../../support/server/tokens.js'

const run = promisify(execFile)

/** The command as `npm run token` runs it. */
async function token(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const command = ['--import', 'tsx', 'scripts/token.ts', '--role', 'customer', '--sub', 'c1', ...args]
  const { stdout } = await run(process.execPath, command, {
    cwd: repositoryRoot,
    env: {
      PATH: process.env.PATH,
      JWT_SECRET: TEST_SECRET,
      JWT_REFRESH_SECRET: TEST_REFRESH_SECRET,
      ...env,
    },
  }).catch(error => {
    throw new Error(error.stderr)
  })
  return stdout.trim()
}

const lifeOf = (text: string) => {
  const { iat = 0, exp = 0 } = decodeJwt(text)
  return exp - iat
}

describe('R11.2 npm run token', () => {
  test('signs no token that the server would refuse for its lifetime, and says how long it may live', async () => {
    expect(lifeOf(await token([]))).toBe(3_600)
    expect(lifeOf(await token(['--ttl', '1d']))).toBe(86_400)
    await expect(token(['--ttl', '25h'])).rejects.toThrow(
      '--ttl: Expected at most 86400s (ACCESS_TOKEN_MAX_SECONDS)',
    )
    const env = { ACCESS_TOKEN_MAX_SECONDS: '60' }
    expect(lifeOf(await token([], env))).toBe(60)
    await expect(token(['--ttl', '2m'], env)).rejects.toThrow('Expected at most 60s')
  })

  test('signs refresh tokens for thirty days at most', async () => {
    expect(lifeOf(await token(['--refresh']))).toBe(2_592_000)
    await expect(token(['--refresh', '--ttl', '31d'])).rejects.toThrow('Expected at most 2592000s')
  })
})
