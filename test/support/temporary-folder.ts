import { chmod, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'

/** Set by the global setup for the workers. */
export const FOLDER_VARIABLE = 'LOADCAST_TEST_FOLDER'

/**
 * A new folder that others may enter, inside that of the test run: it goes with it, at the latest when the next run
 * finds this one dead.
 */
export async function temporaryFolder(name: string): Promise<string> {
  const parent = process.env[FOLDER_VARIABLE]
  if (parent === undefined) throw new Error('No test run is under way: start tests with npm test.')
  const folder = await mkdtemp(join(parent, `${name}-`))
  await chmod(folder, 0o755)
  return folder
}
