/* Job queues on Postgres, each in a process of its own. They are installed only on request. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)
const NAMES = ['graphile-worker', 'pg-boss'] as const
export type PeerName = (typeof NAMES)[number]

export const HOW_TO_INSTALL = 'npm ci --prefix bench/peers installs it.'
/** A peer prints a number for each timer, some hundred kilobytes in all. */
const MAX_OUTPUT_BYTES = 10_000_000

export interface PeerWork {
  readonly connectionString: string
  /** Timers that come due one after the other, starting in `leadMs`, evenly within `withinMs`. */
  readonly due: number
  readonly leadMs: number
  readonly withinMs: number
  /** Timers that are due in a day. */
  readonly notDue: number
  /** Timers that are already due when the workers start. They are measured after the others. */
  readonly overdue: number
}

const result = z.strictObject({ latenessMs: z.array(z.number()), drainedPerSecond: z.number() })

export function findPeers(): { installed: readonly PeerName[]; missing: readonly PeerName[] } {
  const isInstalled = (name: PeerName) =>
    existsSync(new URL(`node_modules/${name}/package.json`, import.meta.url))
  return { installed: NAMES.filter(isInstalled), missing: NAMES.filter(name => !isInstalled(name)) }
}

/** Runs a peer. Throws with its output if it fails. */
export async function runPeer(name: PeerName, work: PeerWork): Promise<z.infer<typeof result>> {
  const script = fileURLToPath(new URL(`${name}.js`, import.meta.url))
  const { stdout } = await run(process.execPath, [script, JSON.stringify(work)], {
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  return result.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
}
