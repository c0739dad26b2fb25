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
 * The whole environment of the server: ours holds secrets. By its defaults glibc gives freed memory at the end of a
 * backend's heap back to the system after every statement, and faults it in again with the next: that was a third of
 * what an accept cost the server. Other C libraries ignore these names.
 */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = {
  // What a backend keeps: our largest statement, a commit of some hundred transitions, takes about as much. 200
  // connections that all had one keep 1.6 GB.
  MALLOC_TRIM_THRESHOLD_: String(8 * 1024 * 1024),
  // What the heap grows by: one system call for most statements. It costs address space until it is used.
  MALLOC_TOP_PAD_: String(1024 * 1024),
  // Smaller blocks come from the heap; larger ones are mapped, and unmapped when they are freed.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
}

export function serverArguments(overrides: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...SETTINGS, ...overrides }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
