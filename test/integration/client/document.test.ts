/* docs/CLIENT.md as readers would use it: its code is type-checked, and run against a server. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'
import { createClient as createCaller } from '../../support/server/clients.js'
import { tokenFor } from '../../support/server/tokens.js'
import { useTestApp } from '../../support/server/use-test-app.js'

const run = promisify(execFile)
const entry = join(repositoryRoot, 'src/client/index.ts')
const document = readFileSync(join(repositoryRoot, 'docs/CLIENT.md'), 'utf8')
const blocks = [...document.matchAll(/```ts\n(.*?)```/gs)].map(match => match[1] ?? '')

/** What the page takes for granted, around its code; `tokens` are the readers' own. */
function programOf(tokens: Readonly<Record<string, string>>): string {
  const [first = '', second = '', third = '', answers = '', comingBack = '', leaving = ''] = blocks
  const story = [first, second, third]
  return [
    `const customerToken: string = '${tokens.customer}'`,
    `const transporterToken: string = '${tokens.transporter}'`,
    `const driverToken: string = '${tokens.driver}'`,
    'const shown: string[] = []',
    'const show = (text: string | undefined) => { shown.push(String(text)); console.log(text) }',
    'const storedToken = () => customerToken',
    'const renewToken = async () => customerToken',
    'const savedPoint: string | undefined = undefined as string | undefined',
    'const save = (point: string | undefined) => show("point " + point)',
    ...story,
    'while (!shown.some(line => line.startsWith("To "))) await new Promise(resolve => setTimeout(resolve, 10))',
    'const requestId = created.ok ? created.value.id : ""',
    answers,
    comingBack,
    'show(cancelled.ok ? "cancelled" : cancelled.problem.code)',
    'show(String((await client.connect()).ok))',
    leaving,
    `show('signed out: ' + left.ok)`,
    'for (const one of [customer, transporter, driver, client]) one.close()',
  ].join('\n')
}

const app = await useTestApp()

describe('R7.3 docs/CLIENT.md', () => {
  it('has the code that these tests run', () => {
    expect(blocks).toHaveLength(6)
  })

  it('has code that type-checks strictly', async () => {
    const folder = await temporaryFolder('client-types')
    await writeFile(join(folder, 'page.ts'), programOf({}))
    const tsconfig = {
      extends: join(repositoryRoot, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(repositoryRoot, 'node_modules/@types')],
        types: ['node'],
        paths: { 'loadcast/client': [entry] },
      },
      include: ['page.ts'],
    }
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [compiler, '-p', folder]).catch(error => error)
    expect(stdout).toBe('')
  })

  it('has code that behaves as documented', async () => {
    const transporter = await createCaller(app.url, 'transporter', 't1')
    await transporter.put('/api/v1/transporter/vehicles/v1', { vehicleType: '14ft', number: 'DL 1' })
    await transporter.put('/api/v1/transporter/drivers/d1', { name: 'Asha' })
    const program = programOf({
      customer: await tokenFor('customer', 'c1'),
      transporter: transporter.token,
      driver: await tokenFor('driver', 'd1'),
    })
    const folder = await temporaryFolder('client-page')
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const file = join(folder, 'page.ts')
    await writeFile(
      file,
      program
        .replaceAll('http://localhost:3000', app.url)
        .replace("'loadcast/client'", JSON.stringify(pathToFileURL(entry).href)),
    )
    const { stdout } = await run(process.execPath, ['--import', 'tsx', file], { cwd: repositoryRoot })
    const shown = stdout.trim().split('\n')
    expect(shown).toEqual(
      expect.arrayContaining([
        '0 of 1',
        '1 of 1',
        expect.stringMatching(/^Ours: trip [0-9a-f-]{36}$/),
        'Asha comes with DL 1',
        'To Connaught Place, New Delhi',
        expect.stringMatching(/ has left the list$/),
        // The driver sets off in the same moment.
        expect.stringMatching(/^(cancelled|TOO_LATE_TO_CANCEL)$/),
        'true',
        'signed out: true',
      ]),
    )
  })
})
