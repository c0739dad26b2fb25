import { afterAll } from '@jest/globals'

/** Cleanup steps of a test file. All of them run after its last test, the latest first, however it ends. */
export function useCleanups(): (step: () => unknown) => void {
  const steps: (() => unknown)[] = []
  afterAll(async () => {
    const errors: unknown[] = []
    for (const step of steps.reverse()) {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `The test did not clean up: ${errors}`)
  })
  return step => void steps.push(step)
}
