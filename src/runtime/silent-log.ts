import { pino } from 'pino'

/** For those who give no logger: an engine inside a test or a tool keeps quiet. */
export const silentLog = pino({ level: 'silent' })
