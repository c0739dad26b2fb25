import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { FAULT_POINTS } from '../../../src/runtime/faults.js'
import { formatViolation } from '../../../src/testing/check/violation.js'
import { schedules } from '../../../src/testing/schedule/arbitrary.js'
import { formatSchedule, parseSchedule } from '../../../src/testing/schedule/schedule.js'
import { type Campaign, simulate, simulateSchedule } from '../../../src/testing/simulation/simulate.js'
import { doorSubject } from '../../support/subjects/door.js'
import { lightSubject } from '../../support/subjects/light.js'
import { mutants } from '../../support/subjects/mutants.js'

/** Chance is new each time, and printed in the title, so that a run that fails can be had again. */
const seed = Number(process.env.LOADCAST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const isLong = process.env.LOADCAST_LONG_TESTS !== undefined
const RUNS = isLong ? 5_000 : 500
/** Every mutant must be caught within as many schedules. */
const CAUGHT_WITHIN = 200

function explain({ failure }: Campaign): string {
  if (failure === undefined) return ''
  const found = failure.violations.map(formatViolation).join('\n')
  return `seed ${failure.seed}\n${found}\n${formatSchedule(failure.schedule)}\n${failure.diagram}`
}

describe(`a simulated cluster (LOADCAST_SEED=${seed})`, () => {
  it('R10.3 keeps every promise, whatever dies, is lost or comes twice', async () => {
    const campaign = await simulate(doorSubject, { seed, runs: RUNS })
    expect(explain(campaign)).toBe('')
    expect(campaign.transitions).toBeGreaterThan(RUNS)
    process.stdout.write(`LOADCAST_SEED=${seed}: ${RUNS} runs, ${campaign.transitions} transitions\n`)
  })

  it('R10.3 keeps them if everything happens by timers', async () => {
    const campaign = await simulate(lightSubject, { seed, runs: isLong ? 1_000 : 20 })
    expect(explain(campaign)).toBe('')
  })

  it('R10.3 dies at every fault point', async () => {
    const points = new Set<string>(FAULT_POINTS)
    for (const schedule of fc.sample(schedules(doorSubject), { seed, numRuns: 2_000, unbiased: true })) {
      const { trace } = await simulateSchedule(doorSubject, schedule, { keepsTrace: true })
      for (const { text } of trace) points.delete(text.replace(/^dies: /, ''))
      if (points.size === 0) break
    }
    expect([...points]).toEqual([])
  })

  it('R10.3 runs the same schedule the same way, bit by bit', async () => {
    for (const schedule of fc.sample(schedules(doorSubject), { seed, numRuns: 5 })) {
      const saved = parseSchedule(formatSchedule(schedule))
      const [first, second] = [
        await simulateSchedule(doorSubject, schedule, { keepsTrace: true }),
        await simulateSchedule(doorSubject, saved, { keepsTrace: true }),
      ]
      expect(second.trace).toEqual(first.trace)
      expect(second.history).toEqual(first.history)
      expect(second.fingerprint).toBe(first.fingerprint)
      const other = await simulateSchedule(doorSubject, { ...schedule, seed: schedule.seed + 1 })
      expect(other.fingerprint).not.toBe(first.fingerprint)
    }
  })
})

describe('a broken engine', () => {
  /** Always the same schedules: whether one of two hundred others would do is not the question here. */
  const seed = 7

  it('exists in at least ten kinds', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    expect(mutants.length).toBeGreaterThanOrEqual(10)
  })

  it.each(mutants.map(mutant => [mutant.name, mutant] as const))(
    'R10.3 is caught: %s',
    async (name, { alterations, subject = doorSubject, rules }) => {
      const campaign = await simulate(subject, {
        seed,
        runs: CAUGHT_WITHIN,
        alterations,
        schedules: { steps: 20 },
      })
      const { failure } = campaign
      if (failure === undefined) throw new Error(`not caught in ${CAUGHT_WITHIN} schedules of seed ${seed}`)
      expect(failure.violations.map(({ rule }) => rule)).toEqual(
        expect.arrayContaining([expect.stringMatching(new RegExp(`^(${rules.join('|')})$`))]),
      )
      // As small as it gets: it is shown again by what was printed, and few steps are left of it.
      const saved = parseSchedule(formatSchedule(failure.schedule))
      const again = await simulateSchedule(subject, saved, { alterations })
      expect(again.violations).toEqual(failure.violations)
      const left = failure.schedule.instances.length + failure.schedule.steps.length
      expect([left, failure.diagram]).toEqual([
        expect.any(Number),
        expect.stringContaining('sequenceDiagram'),
      ])
      expect(left).toBeLessThanOrEqual(15)
      process.stdout.write(
        `${name}: run ${failure.run}, ${left} steps: ${again.violations.map(formatViolation)[0]}\n`,
      )
    },
  )
})
