/* The package as users install it: the build of the run, packed and unpacked beside its dependencies. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from '../house/import-rules.js'

export interface InstalledPackage {
  readonly tarball: string
  /** The unpacked package. */
  readonly folder: string
  /** An empty project in which the package is installed. */
  readonly project: string
  /** Runs `node`, or a program of the repository's dependencies, in the project. Rejects with its output. */
  run(program: string, ...args: string[]): Promise<string>
  /** Runs a shell command in the project, with additional environment variables. Rejects with its output. */
  shell(line: string, env?: Readonly<Record<string, string>>): Promise<string>
  remove(): Promise<void>
}

const execute = promisify(execFile)
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

export async function installPackage(): Promise<InstalledPackage> {
  const root = await mkdtemp(join(tmpdir(), 'loadcast-package-'))
  const [source, project] = [join(root, 'source'), join(root, 'project')]
  await mkdir(source)
  for (const name of ['package.json', 'dist', 'migrations', 'README.md', 'LICENSE']) {
    await cp(join(repositoryRoot, name), join(source, name), { recursive: true })
  }
  const binary = (name: string) => join(repositoryRoot, 'node_modules', '.bin', name)
  const packed = await execute('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', root], {
    cwd: source,
  })
  const tarball = join(root, JSON.parse(packed.stdout)[0].filename)

  const modules = join(project, 'node_modules')
  const folder = join(modules, 'loadcast')
  await mkdir(folder, { recursive: true })
  await execute('tar', ['-xzf', tarball, '-C', folder, '--strip-components', '1'])
  for (const name of await readdir(join(repositoryRoot, 'node_modules'))) {
    if (name !== '.bin') await symlink(join(repositoryRoot, 'node_modules', name), join(modules, name))
  }
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
  // Variables that the test runner sets for itself would affect the project too.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: _context, ...env } = process.env
  async function run(file: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const options = { cwd: project, env: { ...env, ...more }, maxBuffer: MAX_OUTPUT_BYTES }
    try {
      return (await execute(file, args, options)).stdout
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`${file} ${args.join(' ')} failed:\n${stdout ?? ''}\n${stderr ?? ''}`, { cause: error })
    }
  }
  return {
    tarball,
    folder,
    project,
    run: (program, ...args) => run(program === 'node' ? process.execPath : binary(program), args),
    shell: (line, more) => run('sh', ['-c', line], more),
    remove: () => rm(root, { recursive: true, force: true }),
  }
}
