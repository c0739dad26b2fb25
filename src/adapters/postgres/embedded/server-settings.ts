/** Differences from the defaults of Postgres 18. They are given on the command line, so they change with the program. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // The path of a socket may have 107 bytes, and a deep DATA_DIR has more. psql uses the port.
  unix_socket_directories: '',
  // Enough for all processes of a small cluster on one machine, the clients of the demo and some psql sessions.
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
 * The whole environment of the server. The process's own is not passed on, because it contains secrets. By default glibc
 * returns freed memory at the end of a backend's heap to the system after each statement, and the next statement faults it
 * in again. An accept then takes 25 to 180 page faults, or one, depending on where the heap ends. With these settings it
 * always takes 1 to 4. Other C libraries ignore them.
 */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = {
  // The memory that a backend keeps: about as much as our largest statement needs, a commit of some hundred transitions.
  // 200 connections that have each run one keep 1.6 GB.
  MALLOC_TRIM_THRESHOLD_: String(8 * 1024 * 1024),
  // The step by which the heap grows: most statements need one system call. It takes only address space until it is used.
  MALLOC_TOP_PAD_: String(1024 * 1024),
  // Smaller blocks come from the heap; larger ones are mapped, and unmapped when they are freed.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
}

export function serverArguments(overrides: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...SETTINGS, ...overrides }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
