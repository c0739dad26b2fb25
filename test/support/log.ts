import type { Log } from '../../src/adapters/postgres/log.js'

export const silentLog: Log = { info() {}, warn() {} }

/** Keeps what was said, for a test to look at. */
export function recordingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  return { lines, info: message => lines.push(message), warn: message => lines.push(`warning: ${message}`) }
}
