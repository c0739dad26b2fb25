/*
 * A rotation, step by step. Each step may be done twice, and after a crash anywhere the next run goes on with the
 * same values: what was begun is known from the labels on the secret's versions, what each step left is looked at
 * and not remembered. Until `retire`, old and new values are both good.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { DatabaseRoles } from './database-roles.js'
import { planRotation, type RotationRequest, userOf } from './plan.js'
import type { SecretVersion, SecretVersions } from './secret-versions.js'
import type { Services } from './services.js'

export const steps = ['begin', 'prepare', 'promote', 'redeploy', 'retire', 'finish'] as const
export type Step = (typeof steps)[number]

/** 256 bits, which is what HS256 can make use of, with room to spare. */
const KEY_BYTES = 48

export interface RotationParts {
  readonly versions: SecretVersions
  /** Absent for the very first values, which nothing reads yet. */
  readonly services?: Services & { readonly names: readonly string[] }
  /** Asked for only when a database user changes. */
  openRoles(): Promise<DatabaseRoles>
  /** Tells people what was done; never a value. */
  tell(line: string): void
  /** Called after each step: where a test stops it. */
  after?(step: Step): void
}

/** Says what would be done, and does nothing. */
export async function describeRotation(
  { versions, services, tell }: RotationParts,
  request: RotationRequest,
): Promise<void> {
  await services?.check()
  const unfinished = await versions.unfinished()
  if (unfinished !== undefined) {
    tell(`An earlier rotation (version ${unfinished.next.id}) is not finished: --apply goes on with it.`)
    return
  }
  const { changes } = planRotation((await versions.current()).values, request, () => 'x'.repeat(KEY_BYTES))
  for (const change of changes) tell(`would change  ${change}`)
  for (const name of services?.names ?? []) tell(`would deploy  ${name}, anew, and wait until it is stable`)
  if (services !== undefined) tell('would retire  revisions of task definitions that are not in use')
  tell(
    changes.length === 0
      ? 'Nothing to change.'
      : 'Nothing was changed: this was a dry run. Do it with --apply.',
  )
}

export async function rotate(parts: RotationParts, request: RotationRequest): Promise<void> {
  const { versions, services, tell, after = () => {} } = parts
  await services?.check()
  const unfinished = await versions.unfinished()
  if (unfinished !== undefined)
    tell('going on      with what an earlier run began; run again for anything else')
  const started = unfinished ?? (await begin(parts, request))
  if (started === undefined) return tell('Nothing to change.')
  const { base, next } = started
  after('begin')
  const changesUser = next.values.DATABASE_URL !== base.values.DATABASE_URL
  const roles = changesUser ? await parts.openRoles() : undefined
  try {
    // Behind the lock: another run may have gone from begin to end while we came here.
    await assertUnchanged(versions, base, next)
    await roles?.prepare(next.values.DATABASE_URL ?? '')
    if (changesUser) tell(`database      the user ${userOf(next.values.DATABASE_URL)} can log in`)
    after('prepare')
    await versions.promote(base, next)
    tell(`secret        version ${next.id} is the current one`)
    after('promote')
    for (const name of services?.names ?? []) {
      tell(`deploying     ${name} …`)
      await services?.redeploy(name)
      tell(`deployed      ${name}: every running task has the new values`)
    }
    after('redeploy')
    await retire(parts, base, roles)
    after('retire')
    await versions.finish(base, next)
    after('finish')
  } finally {
    await roles?.close()
  }
  tell('Rotated. Previous JWT keys stay accepted until --end-overlap.')
}

/** Gives up what was begun, as long as nothing reads it yet. */
export async function abandon({ versions, tell }: RotationParts): Promise<void> {
  const unfinished = await versions.unfinished()
  if (unfinished === undefined) return tell('No rotation is under way.')
  if ((await versions.current()).id === unfinished.next.id) {
    throw new Error('Its values are in force already: finish it with --apply')
  }
  await versions.finish(unfinished.base, unfinished.next)
  tell(`Abandoned version ${unfinished.next.id}.`)
}

/** A user may only get a new password while no value in force has it. */
async function assertUnchanged(versions: SecretVersions, base: SecretVersion, next: SecretVersion) {
  const { id } = await versions.current()
  if (id === base.id || id === next.id) return
  throw new Error(
    'The secret was changed by somebody else meanwhile. Look at its versions, then run with --abandon',
  )
}

async function begin(
  { versions, tell }: RotationParts,
  request: RotationRequest,
): Promise<{ base: SecretVersion; next: SecretVersion } | undefined> {
  const base = await versions.current()
  const plan = planRotation(base.values, request, () => randomBytes(KEY_BYTES).toString('base64url'))
  if (plan.changes.length === 0) return undefined
  for (const change of plan.changes) tell(`changing      ${change}`)
  return { base, next: await versions.begin(base, plan.next, randomUUID()) }
}

async function retire(
  { services, tell }: RotationParts,
  base: SecretVersion,
  roles: DatabaseRoles | undefined,
): Promise<void> {
  const old = base.values.DATABASE_URL
  if (roles !== undefined && old) {
    const left = await roles.retire(old)
    tell(`database      ${left ?? `the user ${userOf(old)} cannot log in any more`}`)
  }
  const revisions = (await services?.retireRevisions()) ?? []
  for (const revision of revisions) tell(`retired       ${revision}`)
}
