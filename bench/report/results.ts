/* bench/results.json: the last measurements of the benchmark, part by part, on one machine. */
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Figure } from './figure.js'

export const RESULTS_FILE = fileURLToPath(new URL('../results.json', import.meta.url))

const figure: z.ZodType<Figure> = z.strictObject({
  what: z.string(),
  value: z.number(),
  unit: z.string(),
  ratio: z.number().nullable(),
  beside: z.strictObject({ what: z.string(), value: z.number() }).nullable(),
  goal: z.string().nullable(),
  met: z.boolean().nullable(),
  spread: z.tuple([z.number(), z.number()]).readonly(),
  rounds: z.int().positive(),
  at: z.iso.datetime(),
})

/** B1 with one number of operations in flight. */
const point = z.strictObject({
  inFlight: z.int().positive(),
  perSecond: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  limitPerSecond: z.number(),
  at: z.iso.datetime(),
})

export type Point = z.infer<typeof point>

const results = z
  .object({ machine: z.string(), date: z.iso.datetime(), curve: z.array(point) })
  .catchall(figure)

export type Results = z.infer<typeof results>
type Figures = Readonly<Record<string, Figure>>

/** Returns undefined if nothing has been measured yet. Throws if the file is invalid. */
export function readResults(file = RESULTS_FILE): Results | undefined {
  return existsSync(file) ? results.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined
}

export async function writeResults(given: Results, file = RESULTS_FILE): Promise<void> {
  await writeFile(file, `${JSON.stringify(results.parse(given), null, 2)}\n`)
}

export function figuresOf({ machine: _, date: __, curve: ___, ...figures }: Results): Figures {
  return figures
}

/**
 * Replaces earlier results by the new ones of the same parts. Figures of another machine are dropped, because they cannot
 * be compared.
 */
export function merged(
  before: Results | undefined,
  now: { machine: string; date: string; figures: Figures; curve: readonly Point[] },
): Results {
  const kept = before?.machine === now.machine ? before : undefined
  const all = { ...(kept && figuresOf(kept)), ...now.figures }
  const inOrder = Object.keys(all).sort(byKey)
  const curve = now.curve.length > 0 ? [...now.curve] : (kept?.curve ?? [])
  return results.parse({
    machine: now.machine,
    date: now.date,
    ...Object.fromEntries(inOrder.map(key => [key, all[key]])),
    curve,
  })
}

/** Sorts B2 before B10, and a part before its own measurements. */
export function byKey(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Describes the machine in words, as far as it matters for the figures. */
export function describeMachine(): string {
  const all = cpus()
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  return `${all.length} cores (${all[0]?.model.trim() ?? 'unknown'}), ${gigabytes} GB, ${process.platform}, Node ${process.versions.node}, shared by the benchmark, the engine and Postgres`
}
