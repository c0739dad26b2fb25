import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { openPush } from '../../../src/app/push.js'
import type { PushMessage } from '../../../src/dispatch/ports.js'

function listening() {
  const lines: Record<string, unknown>[] = []
  return { lines, log: pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) }) }
}
const WARNING = 40

test('R8.1 without FCM a production start warns that push is off, and another start does not', async () => {
  const production = listening()
  await openPush({ isProduction: true }, production.log)
  expect(production.lines).toMatchObject([
    { level: WARNING, msg: 'push is off: FCM_SERVICE_ACCOUNT is not set' },
  ])
  const development = listening()
  await openPush({ isProduction: false }, development.log)
  expect(development.lines).toEqual([])
})

test('R8.1 without FCM the log gets what would be pushed, without the device’s token', async () => {
  const { lines, log } = listening()
  const push = await openPush({ isProduction: false }, log)
  const message: PushMessage = {
    token: 'a-token-that-is-secret',
    platform: 'ios',
    title: 'Trip cancelled',
    data: { id: 'x:2:0:0', type: 'trip_cancelled' },
    lifeMs: 1_000,
  }
  expect(await push.send([message])).toEqual({ results: [{ kind: 'sent' }] })
  expect(lines).toMatchObject([
    { msg: 'push', platform: 'ios', id: 'x:2:0:0', type: 'trip_cancelled', title: 'Trip cancelled' },
  ])
  expect(JSON.stringify(lines)).not.toContain('that-is-secret')
})
