/* The kinds of values that settings have: from text to a number in its unit, or a sentence that says what was expected. */
import { z } from 'zod'
import { expecting } from './setting.js'

/** Thirty days. Longer is a mistake of units, and would overflow what a timer can wait. */
const MAX_SECONDS = 2_592_000
/** A client that lost its network for less resumes; a year of events is a mistake of units. */
const MIN_RETENTION_HOURS = 0.1
const MAX_RETENTION_HOURS = 8_784

export const decimalPattern = /^\d+(\.\d+)?$/

/** Decimals in seconds, as whole milliseconds. */
export function seconds(standard: number, { min = 0.001 } = {}) {
  return expecting(`seconds, a decimal number from ${min} to ${MAX_SECONDS}`, message =>
    z
      .string()
      .regex(decimalPattern, message)
      .transform(Number)
      .refine(value => value >= min && value <= MAX_SECONDS, message)
      .default(standard)
      .transform(value => Math.round(value * 1000)),
  )
}

/** Decimals in hours, as whole milliseconds. */
export function hours(standard: number) {
  const limits = `from ${MIN_RETENTION_HOURS} to ${MAX_RETENTION_HOURS}`
  return expecting(`hours, a decimal number ${limits}`, message =>
    z
      .string()
      .regex(decimalPattern, message)
      .transform(Number)
      .refine(value => value >= MIN_RETENTION_HOURS && value <= MAX_RETENTION_HOURS, message)
      .default(standard)
      .transform(value => Math.round(value * 3_600_000)),
  )
}

export function wholeNumber(standard: number, min: number, max: number) {
  return expecting(`a whole number from ${min} to ${max}`, message =>
    z
      .string()
      .regex(/^\d{1,10}$/, message)
      .transform(Number)
      .refine(value => value >= min && value <= max, message)
      .default(standard),
  )
}

/** Any text of at most `max` characters, taken as it is. */
export const anyText = (max: number) =>
  expecting(`at most ${max} characters`, message => z.string().max(max, message))
