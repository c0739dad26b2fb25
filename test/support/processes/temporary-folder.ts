import { chmod, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'

/** Set by the global setup for the workers. */
export const FOLDER_VARIABLE = 'LOADCAST_TEST_FOLDER'

/**
 * Creates a folder that other users may enter, inside the folder of the test run. It is deleted with the run, or by the next
 * run if this one is killed.
 */
export async function temporaryFolder(name: string): Promise<string> {
  const parent = process.env[FOLDER_VARIABLE]
  if (parent === undefined) throw new Error('No test run is in progress: start tests with npm test.')
  const folder = await mkdtemp(join(parent, `${name}-`))
  await chmod(folder, 0o755)
  return folder
}
