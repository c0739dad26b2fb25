import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { identity } from './account.js'
import { type Binaries, majorVersion } from './binaries.js'
import { EmbeddedPostgresError, explainedError } from './error.js'
import type { Place } from './place.js'
import { errorCode } from './system-error.js'

const run = promisify(execFile)

/** The superuser of the embedded server and the database that the program uses. */
export const USER = 'loadcast'
export const DATABASE = 'loadcast'

/**
 * Creates the data folder if there is none. If there is one, checks that these binaries can read it. If it is
 * interrupted, there is either no data folder or a complete one.
 */
export async function ensureCluster(place: Place, binaries: Binaries): Promise<'made' | 'found'> {
  const found = await dataVersion(place)
  if (found !== undefined) {
    refuseOtherVersion(place, found, majorVersion(binaries))
    return 'found'
  }
  await removeDrafts(place)
  const draft = join(place.folder, `data.draft-${process.pid}`)
  await mkdir(draft, { mode: 0o700 })
  if (place.account !== undefined) await chown(draft, place.account.uid, place.account.gid)
  await ensurePassword(place)
  try {
    // The locale C sorts by code point, so the order of a list does not depend on the machine.
    await run(
      join(binaries.folder, 'bin', 'initdb'),
      [
        `--pgdata=${draft}`,
        `--username=${USER}`,
        `--pwfile=${place.passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
      ],
      { cwd: place.folder, env: {}, ...identity(place.account) },
    )
  } catch (error) {
    await removeDrafts(place)
    throw initdbError(place, error)
  }
  await rename(draft, place.data)
  return 'made'
}

async function dataVersion(place: Place): Promise<string | undefined> {
  try {
    return (await readFile(join(place.data, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      throw explainedError(`The data in ${place.data} cannot be read`, `${error}`, error)
  }
  const isThere = (await readdir(place.folder)).includes('data')
  if (!isThere) return undefined
  throw new EmbeddedPostgresError(
    `${place.data} exists but is not a data folder of Postgres. Check it, then move it away.`,
  )
}

function refuseOtherVersion(place: Place, found: string, ours: string): void {
  if (found === ours) return
  throw new EmbeddedPostgresError(
    `The data in ${place.data} were made by Postgres ${found}. This release contains Postgres ${ours}, which cannot read them. ` +
      'They were not changed. Either start the release that contains Postgres ' +
      `${found}, or move the data with pg_dump and pg_restore, or set DATA_DIR to another folder to start without data.`,
  )
}

async function removeDrafts(place: Place): Promise<void> {
  const names = await readdir(place.folder)
  for (const name of names.filter(name => name.startsWith('data.draft-'))) {
    await rm(join(place.folder, name), { recursive: true, force: true })
  }
}

/** Chosen once for each place. The file is the only copy, and initdb reads it as the user that runs Postgres. */
async function ensurePassword(place: Place): Promise<void> {
  const file = await open(place.passwordFile, 'wx', 0o600).catch(error => {
    if (error.code === 'EEXIST') return undefined
    throw error
  })
  if (file === undefined) return
  await file.writeFile(`${randomBytes(24).toString('base64url')}\n`)
  if (place.account !== undefined) await file.chown(place.account.uid, place.account.gid)
  await file.close()
}

export async function readPassword(place: Place): Promise<string> {
  try {
    return (await readFile(place.passwordFile, 'utf8')).trim()
  } catch (error) {
    throw explainedError(`The password of the data in ${place.folder} cannot be read`, `${error}`, error)
  }
}

function initdbError(place: Place, error: unknown): EmbeddedPostgresError {
  const output = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : ''
  if (errorCode(error) === 'ENOENT') return wrongLibc(error)
  return explainedError(`Postgres could not create its data in ${place.data}`, output || String(error), error)
}

/** A program whose loader is missing fails with ENOENT, although the program exists. The binaries are built for glibc. */
export function wrongLibc(cause: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'The Postgres binaries do not run here: they need glibc, which Alpine and other musl systems lack. ' +
      'Set DATABASE_URL to a Postgres server, or use an image with glibc (node:20-slim).',
    { cause },
  )
}
