import { describe, expect, it } from '@jest/globals'
import { Periodic } from '../../../src/concurrency/periodic.js'
import { virtualPlatform } from '../../support/engine/virtual-platform.js'

const EVERY_MS = 100
const WORK_MS = 30

function repeated({ fails = false } = {}) {
  const { time, platform } = virtualPlatform()
  const begun: number[] = []
  const failures: unknown[] = []
  const periodic = new Periodic({
    everyMs: EVERY_MS,
    async work() {
      begun.push(time.now)
      await time.sleep(WORK_MS)
      if (fails) throw new Error('no')
    },
    onFailure: error => void failures.push(error),
    alarms: platform,
  })
  return { time, periodic, begun, failures }
}

describe('periodic work', () => {
  it('begins after a pause, and again after a pause from its end', async () => {
    const { time, periodic, begun } = repeated()
    periodic.start()
    periodic.start()
    await time.runUntilDone(time.sleep(400))
    expect(begun).toEqual([100, 230, 360])
  })

  it('can begin at once', async () => {
    const { time, periodic, begun } = repeated()
    periodic.start({ atOnce: true })
    await time.runUntilDone(time.sleep(150))
    expect(begun).toEqual([0, 130])
  })

  it('continues after a failure', async () => {
    const { time, periodic, begun, failures } = repeated({ fails: true })
    periodic.start()
    await time.runUntilDone(time.sleep(300))
    expect(begun).toEqual([100, 230])
    expect(failures).toEqual([new Error('no'), new Error('no')])
  })

  it('ends with the run in progress', async () => {
    const { time, periodic, begun } = repeated()
    periodic.start()
    await time.runUntilDone(time.sleep(110))
    await time.runUntilDone(periodic.stop())
    expect(time.now).toBe(130)
    await time.runUntilDone(time.sleep(1_000))
    expect([begun, periodic.isStarted]).toEqual([[100], false])
  })

  it('draws each pause if it is given a function', async () => {
    const { time, platform } = virtualPlatform()
    const pauses = [10, 20, 30]
    const begun: number[] = []
    const periodic = new Periodic({
      everyMs: () => pauses.shift() ?? 1_000,
      work: async () => void begun.push(time.now),
      onFailure: () => {},
      alarms: platform,
    })
    periodic.start()
    await time.runUntilDone(time.sleep(100))
    expect(begun).toEqual([10, 30, 60])
  })
})
