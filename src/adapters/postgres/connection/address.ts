/* What libpq reads in a connection string and the driver does not: it is read here, or rejected. */

/** A sentence for the operator, or `undefined` if the string can be used. */
export function complaintAbout(connectionString: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(connectionString)) return undefined
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(connectionString)?.[1] ?? ''
  const parameters = parametersOf(connectionString)
  const hosts = [authority.slice(authority.lastIndexOf('@') + 1), ...parameters.getAll('host')]
  if (hosts.some(host => host.includes(','))) {
    return 'Expected one host: name the address that follows the primary (of RDS, a proxy, a DNS name), not several servers'
  }
  const wanted = parameters.get('target_session_attrs') ?? 'read-write'
  if (!['read-write', 'primary', 'any'].includes(wanted)) {
    return `Expected no target_session_attrs=${wanted}: only a server that takes writes is used`
  }
  const seconds = parameters.get('connect_timeout') ?? '1'
  if (!(Number(seconds) > 0)) return `Expected seconds above 0, not connect_timeout=${seconds}`
  return undefined
}

/** `connect_timeout` of the connection string, in milliseconds. */
export function connectTimeoutMsOf(connectionString: string): number | undefined {
  const seconds = parametersOf(connectionString).get('connect_timeout')
  return seconds === null ? undefined : Number(seconds) * 1_000
}

function parametersOf(connectionString: string): URLSearchParams {
  return new URLSearchParams(/\?([^#]*)/.exec(connectionString)?.[1] ?? '')
}
