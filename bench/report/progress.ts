/* The progress of the benchmark on standard error: a bar in a terminal, and a line for each step elsewhere. */
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  /** Reports the current step, one of the announced number of steps. */
  step(what: string): void
  stop(): void
}

export function showProgress(steps: number): Progress {
  let done = 0
  if (!process.stderr.isTTY) {
    return { step: what => console.error(`${++done} of ${steps}: ${what}`), stop() {} }
  }
  const bar = new SingleBar(
    {
      format: '{bar} {value} of {total} · {duration_formatted} · {what}',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  )
  bar.start(steps, 0, { what: '' })
  return {
    step: what => bar.update(++done, { what }),
    stop: () => bar.stop(),
  }
}
