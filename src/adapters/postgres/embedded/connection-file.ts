/*
 * The file in DATA_DIR by which other processes (psql, `npm run migrate`, `npm run verify`) find the running server. It
 * may be outdated, so a reader checks that the server is alive.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EmbeddedPostgresError } from './error.js'
import { findPostmaster } from './postmaster.js'
import { errorCode } from './system-error.js'

interface Connection {
  readonly connectionString: string
  readonly pid: number
  readonly port: number
  /** The data folder of Postgres, as a real path. */
  readonly data: string
}

const FILE = 'postgres.json'

/** The file contains the password, so only its owner may read it. */
export async function writeConnection(dataDir: string, connection: Connection): Promise<void> {
  const draft = join(dataDir, `${FILE}.draft`)
  await rm(draft, { force: true })
  await writeFile(draft, `${JSON.stringify(connection, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(draft, join(dataDir, FILE))
}

export async function readConnection(dataDir: string): Promise<Connection | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, FILE), 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new EmbeddedPostgresError(
      `${join(resolve(dataDir), FILE)} cannot be read: it may belong to another user.`,
      {
        cause: error,
      },
    )
  }
}

/**
 * Returns the connection string of the server that runs on `dataDir`, or undefined if none runs. Throws an
 * `EmbeddedPostgresError` if the folder's files belong to another user.
 */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  const connection = await readConnection(dataDir)
  if (connection === undefined) return undefined
  const postmaster = await findPostmaster(connection.data).catch(cause => {
    throw new EmbeddedPostgresError(`${connection.data} cannot be read: it may belong to another user.`, {
      cause,
    })
  })
  const isRunning = postmaster?.pid === connection.pid && postmaster.status === 'ready'
  return isRunning ? connection.connectionString : undefined
}
