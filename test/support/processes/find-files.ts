import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The files of this name below the folder. By `find`, since a run's databases have a hundred thousand files. */
export async function findFiles(folder: string, name: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('find', [folder, '-name', name, '-type', 'f'])
  return stdout.split('\n').filter(path => path !== '')
}
