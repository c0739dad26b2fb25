import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../processes/temporary-folder.js'

const run = promisify(execFile)

export interface Certificates {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** Makes an authority and a certificate signed by it for these names. Needs the openssl program. */
export async function makeCertificates(names: readonly string[] = ['localhost']): Promise<Certificates> {
  const folder = await temporaryFolder('certificates')
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const [ca, leaf] = [file('ca.pem'), file('server.pem')]
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    ca,
    '-days',
    '2',
    '-subj',
    '/CN=A test',
  )
  await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  await writeFile(file('san'), `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}\n`)
  const signing = ['-CA', ca, '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san']
  await openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', leaf)
  return { caFile: ca, certFile: leaf, keyFile: file('server.key') }
}

export async function hasOpenssl(): Promise<boolean> {
  return await run('openssl', ['version']).then(
    () => true,
    () => false,
  )
}
