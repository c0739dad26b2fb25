/*
 * Two database users that take turns to log in, and one owner. At login a session of either user takes the owner's role,
 * so all tables have the same owner. Only verifiers of passwords are sent, because statements are logged.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import { LOGIN_ROLES, OWNER_ROLE, userOf } from './plan.js'

/** A number that no other advisory lock of this database uses: the letters "rota". */
const ADVISORY_LOCK = 0x726f7461
/** The number that Postgres itself uses to hash a password. */
const SCRAM_ITERATIONS = 4096
const SALT_BYTES = 16

/** A connection to Postgres; `pg`'s client fits. */
export interface DatabaseSession {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>
  end(): Promise<void>
}

export type Connect = (databaseUrl: string) => Promise<DatabaseSession>

export interface DatabaseRoles {
  /** Creates the URL's user, or gives it the URL's password, and verifies with a login that it works. */
  prepare(databaseUrl: string): Promise<void>
  /** Removes the login of the user in `databaseUrl` and ends its sessions. Returns a sentence if it left the user alone. */
  retire(databaseUrl: string): Promise<string | undefined>
  close(): Promise<void>
}

/** Connects as the administrator and takes an advisory lock. Throws if another rotation holds it. */
export async function openDatabaseRoles(adminUrl: string, connect: Connect): Promise<DatabaseRoles> {
  const admin = await connect(adminUrl)
  const { rows } = await admin.query(`select pg_try_advisory_lock(${ADVISORY_LOCK}) as taken`)
  if (rows[0]?.taken !== true) {
    await admin.end()
    throw new Error('Another rotation is in progress on this database: wait for it, then run again')
  }

  return {
    async prepare(databaseUrl) {
      const { pathname, password } = new URL(databaseUrl)
      const role = userOf(databaseUrl) ?? ''
      if (!isOurs(role)) throw new Error(`The user ${role} is not one of ${LOGIN_ROLES.join(', ')}`)
      await ensureRole(admin, OWNER_ROLE, 'nologin')
      const database = pg.escapeIdentifier(decodeURIComponent(pathname.slice(1)))
      await admin.query(`grant connect, create, temporary on database ${database} to ${OWNER_ROLE}`)
      await admin.query(`grant usage, create on schema public to ${OWNER_ROLE}`)
      await ensureRole(admin, role, 'nologin')
      await admin.query(`grant ${OWNER_ROLE} to ${role}`)
      await admin.query(`alter role ${role} set role = '${OWNER_ROLE}'`)
      const verifier = pg.escapeLiteral(scramVerifier(decodeURIComponent(password)))
      await admin.query(`alter role ${role} login password ${verifier}`)
      const proof = await connect(databaseUrl)
      const { rows } = await proof.query('select current_user as name').finally(() => proof.end())
      if (rows[0]?.name !== OWNER_ROLE)
        throw new Error(`${role} logs in, but not with the role ${OWNER_ROLE}`)
    },
    async retire(databaseUrl) {
      const role = userOf(databaseUrl) ?? ''
      if (!isOurs(role)) {
        return `The user ${role} is not part of the rotation and was left alone: remove its login, or rotate it in RDS`
      }
      await admin.query(`alter role ${role} nologin password null`)
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role])
      return undefined
    },
    close: () => admin.end(),
  }
}

function isOurs(role: string): boolean {
  return LOGIN_ROLES.some(name => name === role)
}

/** Postgres has no `create role if not exists`. The lock prevents two rotations from creating a role at once. */
async function ensureRole(admin: DatabaseSession, role: string, option: string): Promise<void> {
  const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [role])
  if (rowCount === 0) await admin.query(`create role ${role} ${option}`)
}

/** The format of RFC 5803, as Postgres stores it. Our passwords are ASCII, so they need no normalization. */
function scramVerifier(password: string): string {
  const salt = randomBytes(SALT_BYTES)
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  const serverKey = hmac('Server Key').toString('base64')
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}
