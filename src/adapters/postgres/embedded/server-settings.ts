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

export function serverArguments(overrides: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...SETTINGS, ...overrides }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
