/*
 * Whose device it is. This release notes the role with the registration; the release before registers again and does not:
 * then `role_noted_at` is older than `registered_at`, and the role is unknown. Such a device counts for a person only
 * while no other role of its id is known, so that nothing is pushed to another person of the same id.
 */
import { type Expression, sql } from 'kysely'

/** Whether a device `d` is the person's. */
export const isDeviceOf = (
  id: Expression<string>,
  role: Expression<string>,
) => sql<boolean>`(d.user_id = ${id} and case
  when coalesce(d.role_noted_at = d.registered_at, false) then d.role = ${role}
  else not exists (select from people other where other.id = ${id} and other.role <> ${role}) end)`

/**
 * A person's devices, by their index, one look for each person. `offset 0` keeps it so: joined in any other way, an offer to
 * 10,000 people without devices took longer than a statement may.
 */
export const devicesOf = (id: Expression<string>, role: Expression<string>) =>
  sql<{ id: string; user_id: string; role: string }>`(select d.id, d.user_id, ${role} as role from devices d
    where ${isDeviceOf(id, role)} offset 0)`.as('d')
