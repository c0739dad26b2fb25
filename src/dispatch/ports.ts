/*
 * What the product needs of the outside. `adapters/` implement these ports; each port has one contract suite. Times are
 * milliseconds since the epoch, distances are kilometres.
 */
export * from './person.js'
export * from './ports/admin.js'
export * from './ports/answers.js'
export * from './ports/fanout.js'
export * from './ports/fleet.js'
export * from './ports/idempotency.js'
export * from './ports/limits.js'
export * from './ports/meter.js'
export * from './ports/presence.js'
export * from './ports/push.js'
export * from './ports/reads.js'
export * from './ports/recipients.js'
export * from './ports/refresh-families.js'
export * from './ports/resume.js'
