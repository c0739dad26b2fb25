import { pino } from 'pino'

/** The default logger: an engine in a test or a tool logs nothing. */
export const silentLog = pino({ level: 'silent' })
