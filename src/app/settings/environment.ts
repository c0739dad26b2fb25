/* Every variable that a program of Loadcast reads, in the groups and the order of docs/SETTINGS.md. */
import { z } from 'zod'
import { capSettings } from './caps.js'
import { databaseSettings, redisSettings, secretStoreSettings } from './connections.js'
import { doorSettings } from './doors.js'
import { processSettings } from './process.js'
import { fleetSettings, presenceSettings, requestSettings, retentionSettings } from './product.js'
import { pushSettings } from './push.js'
import { rotationSettings } from './rotation.js'
import { type SettingGroup, schemasOf } from './setting.js'
import { tokenSettings } from './tokens.js'
import { traceSettings } from './traces.js'

/** By heading. */
export const settingGroups = {
  'The process': processSettings,
  'The database': databaseSettings,
  Redis: redisSettings,
  Secrets: secretStoreSettings,
  Tokens: tokenSettings,
  'The life of a request': requestSettings,
  Presence: presenceSettings,
  Retention: retentionSettings,
  Fleets: fleetSettings,
  Pushes: pushSettings,
  'Callers and their limits': doorSettings,
  'Caps on what one person can make': capSettings,
  Traces: traceSettings,
  'rotate-secrets': rotationSettings,
} as const satisfies Readonly<Record<string, SettingGroup>>

type Groups = typeof settingGroups

/** The names of all variables. */
export type Variable = { readonly [G in keyof Groups]: keyof Groups[G] }[keyof Groups]

/** What a server reads. */
export const environment = z.object({
  ...schemasOf(processSettings),
  ...schemasOf(databaseSettings),
  ...schemasOf(redisSettings),
  // Read before all others, by adapters/secrets: here it is only known.
  ...schemasOf(secretStoreSettings),
  ...schemasOf(tokenSettings),
  ...schemasOf(requestSettings),
  ...schemasOf(presenceSettings),
  ...schemasOf(retentionSettings),
  ...schemasOf(fleetSettings),
  ...schemasOf(pushSettings),
  ...schemasOf(doorSettings),
  ...schemasOf(capSettings),
  ...schemasOf(traceSettings),
})

export type Environment = z.infer<typeof environment>
