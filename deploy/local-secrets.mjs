/*
 * Generates the secrets of docker-compose.yml: the password of its Postgres and the keys of its tokens. An existing file is
 * kept, because Postgres keeps the password that its volume was created with.
 *   node local-secrets.mjs <folder>
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PASSWORD_BYTES = 24
/** RFC 7518 §3.2 requires at least 32. */
const KEY_BYTES = 48
/** Only the containers of these services mount the volume, and each runs as a different user. */
const READABLE = 0o444

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Expected the folder to write to')

const random = bytes => randomBytes(bytes).toString('base64url')

/** Writes the file completely or not at all, even if this process dies. */
function keep(name, make) {
  const path = join(folder, name)
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, make(), { mode: READABLE, flush: true })
    renameSync(`${path}.new`, path)
    process.stdout.write(`made ${path}\n`)
  }
  return readFileSync(path, 'utf8')
}

const password = keep('postgres-password', () => random(PASSWORD_BYTES))
keep('env', () =>
  [
    `DATABASE_URL=postgres://loadcast:${password}@postgres:5432/loadcast`,
    `JWT_SECRET=${random(KEY_BYTES)}`,
    `JWT_REFRESH_SECRET=${random(KEY_BYTES)}`,
    '',
  ].join('\n'),
)
