/* Shows the progress: a moving line in a terminal, or a line every few seconds elsewhere. */
import { Presets, SingleBar } from 'cli-progress'
import type { Ledger } from './ledger.js'
import { count } from './table.js'

export interface Progress {
  stop(): void
}

const TERMINAL_INTERVAL_MS = 100
const LINE_INTERVAL_MS = 5_000

/** Shows the progress from now on, for `seconds`. */
export function showProgress(ledger: Ledger, seconds: number): Progress {
  const begunAt = performance.now()
  const elapsed = () => Math.min(seconds, Math.round((performance.now() - begunAt) / 1000))
  if (!process.stdout.isTTY) {
    const timer = setInterval(
      () => console.log(`  ${String(elapsed()).padStart(2)} s  ${describe(ledger)}`),
      LINE_INTERVAL_MS,
    )
    return { stop: () => clearInterval(timer) }
  }
  const bar = new SingleBar(
    {
      format: '  {bar} {value}/{total} s  {facts}',
      barsize: 20,
      hideCursor: true,
      clearOnComplete: true,
      fps: 1000 / TERMINAL_INTERVAL_MS,
    },
    Presets.shades_classic,
  )
  bar.start(seconds, 0, { facts: '' })
  const timer = setInterval(() => bar.update(elapsed(), { facts: describe(ledger) }), TERMINAL_INTERVAL_MS)
  return {
    stop() {
      clearInterval(timer)
      bar.stop()
    },
  }
}

function describe({ requests, offers, accepts, surprises }: Ledger): string {
  const won = accepts.filter(({ result }) => result === 'won').length
  return [
    `requests ${count(requests.length)}`,
    `offers ${count(offers.length)}`,
    `accepts ${count(won)} won ${count(accepts.length - won)} lost`,
    ...(surprises.length === 0 ? [] : [`surprises ${count(surprises.length)}`]),
  ].join(' · ')
}
