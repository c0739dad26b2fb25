import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { EmbeddedPostgresError } from './error.js'
import { errorCode } from './system-error.js'

const run = promisify(execFile)

/** The user that Postgres runs as. Undefined means the user of this process. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** In this order: users made for Postgres (on Debian and others, and on macOS), then the one that every system has. */
const CANDIDATES = ['postgres', '_postgres', 'nobody']

/** Postgres refuses to run as root. Users are never created, because they would stay on the machine. */
export async function chooseAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of CANDIDATES) {
    const account = await lookUp(name)
    if (account !== undefined) return account
  }
  throw new EmbeddedPostgresError(
    `Postgres does not run as root, and this system has none of the users ${CANDIDATES.join(', ')}. ` +
      'Start as an ordinary user, or set DATABASE_URL to a Postgres server.',
  )
}

async function lookUp(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async flag => Number((await run('id', [flag, name])).stdout)),
    )
    return uid && gid !== undefined && Number.isInteger(gid) ? { name, uid, gid } : undefined
  } catch {
    return undefined
  }
}

/** The options with which `spawn` runs a program as the account. */
export function identity(account: Account | undefined): { uid: number; gid: number } | Record<never, never> {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid }
}

/**
 * Whether the account may enter all the folders and read all the files. A program run as the account tries it, because
 * mode bits do not show everything (ACLs, capabilities, network mounts).
 */
export async function canReach(
  account: Account,
  { folders = [], files = [] }: { folders?: readonly string[]; files?: readonly string[] },
): Promise<boolean> {
  const script =
    'for path do if [ -d "$path" ]; then cd -- "$path" || exit 1; else [ -r "$path" ] || exit 1; fi; done'
  // An unreachable folder is not seen as a folder, and as a file it cannot be read, so the answer is no.
  try {
    await run('/bin/sh', ['-c', script, 'sh', ...folders, ...files], { cwd: '/', ...identity(account) })
    return true
  } catch (error) {
    if (typeof errorCode(error) === 'number') return false
    throw new EmbeddedPostgresError(
      `Root may not run programs as ${account.name} here (the container lacks CAP_SETUID?). ` +
        'Start as an ordinary user, or set DATABASE_URL to a Postgres server.',
      { cause: error },
    )
  }
}
