/* Rejects connection strings that the driver would silently read differently. */

/** A sentence for the operator, or `undefined` if the string can be used. */
export function complaintAbout(connectionString: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(connectionString)) return undefined
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(connectionString)?.[1] ?? ''
  const parameters = new URLSearchParams(/\?([^#]*)/.exec(connectionString)?.[1] ?? '')
  const hosts = [authority.slice(authority.lastIndexOf('@') + 1), ...parameters.getAll('host')]
  if (hosts.some(host => host.includes(','))) {
    return 'Expected one host: name the address that follows the primary (of RDS, a proxy, a DNS name), not several servers'
  }
  const wanted = parameters.get('target_session_attrs') ?? 'read-write'
  if (!['read-write', 'primary', 'any'].includes(wanted)) {
    return `Expected no target_session_attrs=${wanted}: only a server that takes writes is used`
  }
  return undefined
}
