/* What others install: its entries, its types, the example that is theirs to write, and the page that teaches it. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { createTestDatabase } from '../support/database/postgres.js'
import { repositoryRoot } from '../support/house/import-rules.js'
import { type InstalledPackage, installPackage } from '../support/processes/package.js'

let installed: InstalledPackage
beforeAll(async () => {
  installed = await installPackage()
})
afterAll(() => installed.remove())

/** The members that are read of the report of `attw --format json`. */
interface TypesReport {
  analysis: {
    entrypoints: Record<
      string,
      { subpath: string; resolutions: Record<'node16-esm' | 'bundler', { resolution?: object }> }
    >
  }
}

const COMPILER = {
  target: 'ES2023',
  module: 'NodeNext',
  strict: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  types: ['node'],
}

/** Type-checks a project that uses the package, its declarations included. */
async function typecheck(): Promise<void> {
  await writeFile(
    join(installed.project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER, include: ['*.ts'] }),
  )
  await installed.run('tsc', '-p', '.')
}

async function emptyProject(): Promise<void> {
  const files = (await readdir(installed.project)).filter(name => name.endsWith('.ts'))
  await Promise.all(files.map(name => rm(join(installed.project, name))))
}

/** As their reader would: the line of the shell is the one that is written there. */
const runTests = (line: string, env: Readonly<Record<string, string>> = {}) => installed.shell(line, env)

describe('the package', () => {
  beforeEach(emptyProject)

  it('R10.3 has entries without publint findings', async () => {
    const { messages, pkg } = await publint({ pkgDir: installed.folder, pack: false, strict: true })
    expect(messages.map(message => formatMessage(message, pkg))).toEqual([])
  })

  it('R10.3 has types that resolve wherever ES modules do', async () => {
    // It fails on what it finds, but for CommonJS, which this package is not for.
    const output = await installed.run('attw', installed.tarball, '--profile', 'esm-only', '--format', 'json')
    const { analysis } = JSON.parse(output) as TypesReport
    const entries = Object.values(analysis.entrypoints).filter(({ subpath }) => subpath !== './package.json')
    expect(entries).toHaveLength(5)
    for (const { resolutions } of entries) {
      expect(resolutions['node16-esm'].resolution).toMatchObject({ isTypeScript: true })
      expect(resolutions.bundler.resolution).toMatchObject({ isTypeScript: true })
    }
  })

  it('exports the documented entries, and nothing else can be imported', async () => {
    const script = `
      const names = {}
      for (const entry of ['machines', 'runtime', 'postgres', 'testing']) {
        names[entry] = Object.keys(await import('loadcast/' + entry))
      }
      const inside = await import('loadcast/dist/runtime/engine.js').catch(error => error.code)
      console.log(JSON.stringify({ names, inside }))`
    const { names, inside } = JSON.parse(await installed.run('node', '--input-type=module', '-e', script))
    expect(names.machines).toEqual(
      expect.arrayContaining(['broadcastMachine', 'broadcastDefinition', 'tripMachine']),
    )
    expect(names.runtime).toEqual(expect.arrayContaining(['createEngine', 'migrateFrom']))
    expect(names.postgres).toEqual(expect.arrayContaining(['createPostgresStore', 'migrate']))
    expect(names.testing).toEqual(expect.arrayContaining(['schedules', 'replay', 'check', 'simulate']))
    expect(inside).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('R10.3 works in a project that knows only its public interface', async () => {
    for (const name of ['seat.ts', 'seat.test.ts']) {
      await cp(join(repositoryRoot, 'examples/seats', name), join(installed.project, name))
    }
    await typecheck()
    const { scripts } = JSON.parse(
      await readFile(join(repositoryRoot, 'examples/seats/package.json'), 'utf8'),
    )
    expect(await runTests(scripts.test)).toMatch(/# pass 4\n# fail 0/)
  })

  it('R10.3 has a tutorial whose every code block compiles and runs', async () => {
    const page = await readFile(join(repositoryRoot, 'docs/TESTING.md'), 'utf8')
    const blocks = [...page.matchAll(/^```ts(?: file=(\S+))?\n([\s\S]*?)^```$/gm)]
    expect(blocks.map(([, file]) => file)).toEqual(expect.arrayContaining(['ticket.ts', 'postgres.test.ts']))
    for (const [block, file, code = ''] of blocks) {
      if (file === undefined) throw new Error(`Nothing runs this block: ${block}`)
      await writeFile(join(installed.project, file), code)
    }
    await typecheck()
    const [line = ''] = page.match(/^node .*--test .*$/m) ?? []
    const database = await createTestDatabase({ empty: true })
    try {
      const output = await runTests(line, { DATABASE_URL: database.connectionString })
      expect(output).toMatch(/# pass 5\n# fail 0/)
      expect(output).toMatch(/# skipped 0/)
    } finally {
      await database.drop()
    }
  })
})
