/*
 * Makes a failing schedule smaller as long as it fails. Steps are removed in halves, quarters and so on, then one by one,
 * and the remaining steps are simplified. Without one step, everything random after it changes, so a few seeds are tried
 * for each smaller schedule.
 */
import type { Schedule, ScheduleStep } from '../schedule/schedule.js'

/** Seeds to try for each smaller schedule: a race that needs luck still shows with one of them. */
const SEEDS_TRIED = 3

export async function shrinkSchedule(
  found: Schedule,
  fails: (schedule: Schedule) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<Schedule> {
  let smallest = found

  async function attempt(smaller: Schedule): Promise<boolean> {
    for (let i = 0; i < SEEDS_TRIED && mayGoOn(); i++) {
      const candidate = { ...smaller, seed: smaller.seed + i }
      if (!(await fails(candidate))) continue
      smallest = candidate
      return true
    }
    return false
  }

  async function dropSteps(): Promise<void> {
    let size = Math.max(1, smallest.steps.length >> 1)
    for (;;) {
      let hasDropped = false
      for (let at = smallest.steps.length - size; at > -size && mayGoOn(); at -= size) {
        const from = Math.max(0, at)
        if (from >= smallest.steps.length) continue
        const steps = smallest.steps.filter((_, i) => i < from || i >= from + size)
        if (await attempt({ ...smallest, steps })) hasDropped = true
      }
      if (!mayGoOn() || (size === 1 && !hasDropped)) return
      if (!hasDropped) size = Math.max(1, size >> 1)
    }
  }

  async function dropInstances(): Promise<void> {
    for (let i = smallest.instances.length - 1; i >= 0 && smallest.instances.length > 1; i--) {
      await attempt(withoutInstance(smallest, i))
    }
  }

  await dropSteps()
  await dropInstances()
  await dropSteps()
  await attempt({ ...smallest, steps: smallest.steps.map(step => ({ ...step, delayMs: 0 })) })
  for (let i = 0; i < smallest.steps.length; i++) {
    await attempt({ ...smallest, steps: smallest.steps.map((step, j) => (i === j ? plainer(step) : step)) })
  }
  return smallest
}

function withoutInstance(schedule: Schedule, dropped: number): Schedule {
  const instances = schedule.instances.filter((_, i) => i !== dropped)
  const steps = schedule.steps.flatMap((step): ScheduleStep[] => {
    if (!('instance' in step)) return [step]
    if (step.instance === dropped) return []
    return [{ ...step, instance: step.instance > dropped ? step.instance - 1 : step.instance }]
  })
  return { ...schedule, instances, steps }
}

function plainer(step: ScheduleStep): ScheduleStep {
  if (step.kind !== 'send') return step
  const { ifVersion: _, key: _key, ...rest } = step
  return rest
}
