/* Certificates for TLS between us and a Redis of the test's own, made by openssl where there is one. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './temporary-folder.js'

const run = promisify(execFile)

export interface Certificates {
  readonly certFile: string
  readonly keyFile: string
  /** Of the authority that signed it. */
  readonly caFile: string
}

/** A certificate for `localhost`, signed by an authority that nobody else knows. Undefined without openssl. */
export async function makeCertificates(): Promise<Certificates | undefined> {
  const hasProgram = await run('openssl', ['version']).then(
    () => true,
    () => false,
  )
  if (!hasProgram) return undefined
  const folder = await temporaryFolder('tls')
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const newKey = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl(
    ...newKey,
    '-x509',
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  )
  await openssl(...newKey, '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'request.pem')
  await writeFile(file('names'), 'subjectAltName=DNS:localhost\n')
  const signing = [
    'x509',
    '-req',
    '-in',
    'request.pem',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
  ]
  await openssl(...signing, '-days', '2', '-extfile', 'names', '-out', 'cert.pem')
  return { certFile: file('cert.pem'), keyFile: file('key.pem'), caFile: file('ca.pem') }
}
