import { expect, test } from '@jest/globals'
import { startLagReport } from '../../../src/app/lag-report.js'

/** Collects lines until there are `count`, then stops. */
function linesOf(checks: Parameters<typeof startLagReport>[0], count: number): Promise<unknown[]> {
  return new Promise(resolve => {
    const lines: unknown[] = []
    const add = (fields: unknown, message: unknown) => {
      lines.push([fields, message])
      if (lines.length < count) return
      report.stop()
      resolve(lines.slice(0, count))
    }
    const report = startLagReport(checks, { info: add, warn: add } as never, 1)
  })
}

test('R9.2 each process logs how late the most delayed timer or delivery is, in the line that the metrics read', async () => {
  const checks = { timers: async () => ({ lagMs: 40 }), outbox: async () => ({ lagMs: 2_500 }) }
  expect(await linesOf(checks, 1)).toEqual([[{ lagMs: 2_500, timersLagMs: 40, outboxLagMs: 2_500 }, 'lag']])
})

test('a database that does not answer costs a log line, not the process', async () => {
  let isDown = true
  const timers = async () => {
    if (!isDown) return { lagMs: 7 }
    isDown = false
    throw new Error('down')
  }
  const lines = await linesOf({ timers, outbox: async () => ({ lagMs: 0 }) }, 2)
  expect(lines).toEqual([
    [{ err: expect.any(Error) }, expect.stringContaining('could not')],
    [{ lagMs: 7, timersLagMs: 7, outboxLagMs: 0 }, 'lag'],
  ])
})
