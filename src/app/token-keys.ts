/* The keys that sign and verify tokens: those of the settings, or those stored on this computer. */
import { loadLocalSecrets } from '../adapters/secrets/local-secrets.js'
import type { Settings } from './settings/settings.js'

export interface TokenKeys {
  readonly secret: string
  readonly previous?: string | undefined
  readonly refreshSecret: string
  readonly previousRefresh?: string | undefined
}

/** In production the settings always have keys: otherwise they are refused. */
export async function resolveTokenKeys(settings: Settings): Promise<TokenKeys> {
  const { jwtSecret, jwtRefreshSecret } = settings
  const { jwtSecretPrevious: previous, jwtRefreshSecretPrevious: previousRefresh } = settings
  if (jwtSecret !== undefined && jwtRefreshSecret !== undefined) {
    return { secret: jwtSecret, previous, refreshSecret: jwtRefreshSecret, previousRefresh }
  }
  const local = await loadLocalSecrets(settings.dataDir)
  return {
    secret: jwtSecret ?? local.jwtSecret,
    previous,
    refreshSecret: jwtRefreshSecret ?? local.jwtRefreshSecret,
    previousRefresh,
  }
}
