/* `npm run verify`, as an operator runs it. */
import { spawn } from 'node:child_process'
import { describe, expect, it } from '@jest/globals'
import { customer } from '../support/engine/people.js'
import { expectOk } from '../support/engine/results.js'
import { asking } from '../support/engine/trucks.js'
import { useDispatch } from '../support/engine/use-dispatch.js'
import { repositoryRoot } from '../support/house/import-rules.js'

const product = await useDispatch()

function verify(...options: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/verify.ts', ...options], {
    cwd: repositoryRoot,
    env: { ...process.env, DATABASE_URL: product.connectionString },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk
    })
  }
  return new Promise(resolve => child.on('close', code => resolve({ code, output })))
}

describe('npm run verify', () => {
  it('names a missing timer; with --repair it is armed again and every invariant holds', async () => {
    const { id } = expectOk(await product.dispatch.createBroadcast(customer('c1'), asking(1))).broadcast
    const readTimers = async () => {
      const { rows } = await product.sql.query(
        'select send_id, generation, due_at, event_json as event from timers where instance = $1 order by send_id',
        [id],
      )
      return rows
    }
    const before = await readTimers()
    expect(before.length).toBeGreaterThan(1)
    await product.sql.query(`delete from timers where instance = $1 and send_id like '%broadcastTimeout%'`, [
      id,
    ])

    const found = await verify()
    expect(found).toMatchObject({ code: 1, output: expect.stringMatching(/invariant 5 .*broadcastTimeout/) })
    expect(found.output).toContain('1 instances verified, 1 violations')
    const repaired = await verify('--repair')
    expect(repaired).toMatchObject({ code: 0, output: expect.stringContaining('1 timers armed again') })
    expect(await readTimers()).toEqual(before)
    expect(await verify()).toMatchObject({ code: 0, output: expect.stringContaining('0 violations') })
  })

  it('refuses an unknown option', async () => {
    expect(await verify('--fix')).toMatchObject({
      code: 1,
      output: expect.stringContaining("Unknown option '--fix'"),
    })
  })
})
