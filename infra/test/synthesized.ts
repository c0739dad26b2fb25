/*
 * The templates as the command line synthesizes them, once for each test file. There are no keys and no network, so a
 * look-up would fail the synthesis.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Template } from 'aws-cdk-lib/assertions'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Nothing listens on this port. */
const NOWHERE = 'http://127.0.0.1:9'

export interface Synthesized {
  readonly status: number | null
  readonly output: string
  readonly folder: string
  readonly texts: Readonly<Record<'Foundation' | 'Service' | 'Pipeline', string>>
  readonly foundation: Template
  readonly service: Template
  readonly pipeline: Template
}

let made: Synthesized | undefined

export function synthesized(): Synthesized {
  made ??= synthesize()
  return made
}

function synthesize(): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'loadcast-synth-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '--output', folder],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        CI: 'true',
        CDK_DISABLE_CLI_TELEMETRY: '1',
        AWS_EC2_METADATA_DISABLED: 'true',
        http_proxy: NOWHERE,
        https_proxy: NOWHERE,
        HTTPS_PROXY: NOWHERE,
      },
    },
  )
  const output = stdout + stderr
  if (status !== 0) throw new Error(`cdk synth failed:\n${output}`)
  const read = (name: string) => readFileSync(join(folder, `${name}.template.json`), 'utf8')
  const texts = { Foundation: read('Foundation'), Service: read('Service'), Pipeline: read('Pipeline') }
  const template = (name: keyof typeof texts) => Template.fromJSON(JSON.parse(texts[name]))
  return {
    status,
    output,
    folder,
    texts,
    foundation: template('Foundation'),
    service: template('Service'),
    pipeline: template('Pipeline'),
  }
}
