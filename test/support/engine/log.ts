import type { Log } from '../../../src/adapters/postgres/connection/log.js'

export const silentLog: Log = { info() {}, warn() {} }

export interface RecordingLog extends Log {
  readonly lines: string[]
  /** Resolves when a line that contains the text has been logged. */
  said(text: string): Promise<void>
}

/** Records lines, so that a test can read them or wait for them. */
export function recordingLog(): RecordingLog {
  const lines: string[] = []
  const waiting: { text: string; resolve: () => void }[] = []
  const say = (line: string) => {
    lines.push(line)
    for (const { text, resolve } of waiting) if (line.includes(text)) resolve()
  }
  return {
    lines,
    info: say,
    warn: message => say(`warning: ${message}`),
    said: text =>
      new Promise(resolve => {
        if (lines.some(line => line.includes(text))) resolve()
        else waiting.push({ text, resolve })
      }),
  }
}
