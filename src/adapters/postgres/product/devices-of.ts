/*
 * Whose device it is. This release notes the role with the registration; the release before registers again and does not:
 * then `role_noted_at` is older than `registered_at`, and the role is unknown. Such a device counts for a person only
 * while no other role of its id is known, so that nothing is pushed to another person of the same id.
 */

/** A device `d` is the person's; `id` and `role` are SQL. */
export const isDeviceOf = (id: string, role: string) => `(d.user_id = ${id} and case
  when ${hasRole('d')} then d.role = ${role}
  else not exists (select from people other where other.id = ${id} and other.role <> ${role}) end)`

/** The role of the registration is known. */
export const hasRole = (device: string) =>
  `coalesce(${device}.role_noted_at = ${device}.registered_at, false)`

/**
 * A person's devices, by their index, one look for each person. `offset 0` keeps it so: joined in any other way, an offer to
 * 10,000 people without devices took longer than a statement may.
 */
export const devicesOf = (id: string, role: string) =>
  `(select d.id, d.user_id, ${role} as role from devices d where ${isDeviceOf(id, role)} offset 0) as d`
