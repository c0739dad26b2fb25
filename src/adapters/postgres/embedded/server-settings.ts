/** What differs from the defaults of Postgres 18, given on the command line so that it moves with the program. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket's path may have 107 bytes, which a deep DATA_DIR exceeds; psql uses the port.
  unix_socket_directories: '',
  // Every process of a small cluster on one machine, the demo's clients and a psql or two.
  max_connections: '200',
  shared_buffers: '128MB',
  // Our statements are short and many: compiling one costs more than it saves.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  logging_collector: 'off',
}

/**
 * The whole environment of the server; ours holds secrets. By default glibc returns freed memory at the end of a backend's
 * heap to the system after each statement and faults it in again with the next. An accept then takes 25 to 180 page faults,
 * or one, depending on where the heap ends. With these settings it always takes 1 to 4. Other C libraries ignore them.
 */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = {
  // The memory a backend keeps: about that of our largest statement, a commit of some hundred transitions. 200 connections
  // that have all run one keep 1.6 GB.
  MALLOC_TRIM_THRESHOLD_: String(8 * 1024 * 1024),
  // The heap's growth step: one system call for most statements. It costs only address space until it is used.
  MALLOC_TOP_PAD_: String(1024 * 1024),
  // Smaller blocks come from the heap; larger ones are mapped, and unmapped when they are freed.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
}

export function serverArguments(overrides: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...SETTINGS, ...overrides }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
