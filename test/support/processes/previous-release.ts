/*
 * Earlier releases, built from the repository's history: tests run them beside this one. Where the history is
 * not there (an export of the sources, a shallow clone), tests that need it are skipped and counted.
 */
import { execFile } from 'node:child_process'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from '@jest/globals'
import { repositoryRoot } from '../house/import-rules.js'
import { noteSkip } from '../redis/redis-server.js'
import { CACHE, madeOnce } from './made-once.js'

/** The last commit whose release knows storage format 1 only. */
const COMMIT = 'ac4d909c9e2a7f304965051903634711674e8af3'
/** The last commit whose release knows users by id, whatever the role. */
export const WITHOUT_PEOPLE = '4d7124a3d447dac5661d51e81f01c888decdc2b1'
/** The last commit whose release takes drivers into fleets without asking them. */
export const WITHOUT_CONSENT = '4d7124a3d447dac5661d51e81f01c888decdc2b1'

const run = promisify(execFile)

export interface PreviousRelease {
  /** What `npm start` runs. */
  readonly program: string
  readonly migrate: typeof import('../../../src/adapters/postgres/schema/migrate.js').migrate
  readonly createPostgresStore: typeof import('../../../src/adapters/postgres/engine/store.js').createPostgresStore
  readonly createEngine: typeof import('../../../src/runtime/engine.js').createEngine
}

/** `commit`: the release that the tests need; by default the one before storage formats. */
export async function previousReleaseForTests(commit = COMMIT): Promise<{
  readonly describeWithPreviousRelease: typeof describe | typeof describe.skip
}> {
  const isThere = await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: repositoryRoot }).then(
    () => true,
    () => false,
  )
  if (isThere) return { describeWithPreviousRelease: describe }
  await noteSkip(`no previous release: the repository's history does not hold ${commit}`)
  return { describeWithPreviousRelease: describe.skip }
}

/** Takes ten seconds the first time: it is compiled. */
export async function buildPreviousRelease(commit = COMMIT): Promise<PreviousRelease> {
  const folder = await madeOnce(join(CACHE, 'releases', commit), draft => build(commit, draft))
  const load = (path: string) => import(join(folder, 'dist', path))
  const { migrate } = await load('adapters/postgres/migrate.js')
  const { createPostgresStore } = await load('adapters/postgres/store.js')
  const { createEngine } = await load('runtime/engine.js')
  return { program: join(folder, 'dist/main.js'), migrate, createPostgresStore, createEngine }
}

async function build(commit: string, folder: string): Promise<void> {
  const archive = `${folder}.tar`
  const parts = ['src', 'migrations', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
  await run('git', ['archive', '--output', archive, commit, ...parts], { cwd: repositoryRoot })
  await run('tar', ['-xf', archive, '-C', folder])
  await rm(archive)
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
  const compiler = 'node_modules/typescript/bin/tsc'
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: folder })
}
