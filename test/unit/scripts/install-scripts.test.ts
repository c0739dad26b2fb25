import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

/** `npm test` hands its own settings down to its children: here only `.npmrc` may decide. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
const execute = promisify(execFile)
const run = (program: string, args: readonly string[], cwd: string) => execute(program, args, { cwd, env })

/** A package whose script leaves a mark, installed into a new project by the npm that is here. Answers whether it ran. */
async function runsScriptsWith(npmrc: string | undefined): Promise<boolean> {
  const folder = await temporaryFolder('install-scripts')
  const [hostile, project] = [join(folder, 'hostile'), join(folder, 'project')]
  const mark = join(folder, 'mark')
  await mkdir(hostile)
  await mkdir(project)
  const scripts = { install: `touch ${mark}` }
  await writeFile(
    join(hostile, 'package.json'),
    JSON.stringify({ name: 'hostile', version: '1.0.0', scripts }),
  )
  await run('npm', ['pack', '--pack-destination', folder], hostile)
  const dependencies = { hostile: 'file:../hostile-1.0.0.tgz' }
  // Approved, so that only what stands in `.npmrc` can hold it back, whichever npm this is.
  const allowScripts = { hostile: true, 'file:../hostile-1.0.0.tgz': true }
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'project', dependencies, allowScripts }),
  )
  if (npmrc !== undefined) await copyFile(npmrc, join(project, '.npmrc'))
  await run('npm', ['install', '--offline', '--no-audit'], project)
  expect(existsSync(join(project, 'node_modules', 'hostile', 'package.json'))).toBe(true)
  return existsSync(mark)
}

describe('R9.5 scripts of packages at install', () => {
  test('would run without our settings', async () => {
    expect(await runsScriptsWith(undefined)).toBe(true)
  })

  test.each(['.npmrc', 'infra/.npmrc'])('do not run with %s', async path => {
    expect(await runsScriptsWith(join(repositoryRoot, path))).toBe(false)
  })
})
