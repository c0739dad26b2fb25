/*
 * Executes a Dockerfile step by step in empty folders, because there is no container engine where tests run. A stage is a
 * folder. Its copies come from the context, as .dockerignore filters it, or from another stage, and its commands run in the
 * folder. Steps that change the system instead of the stage are skipped and reported.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'
import { DockerfileParser } from 'dockerfile-ast'
import { repositoryRoot } from '../house/import-rules.js'

const execute = promisify(execFile)

export interface BuiltStage {
  readonly folder: string
  readonly base: string
  readonly environment: Readonly<Record<string, string>>
  readonly user: string | undefined
  readonly command: readonly string[]
  readonly entrypoint: readonly string[]
  readonly healthcheck: readonly string[]
  /** Steps that install packages of the distribution. They are not done here. */
  readonly systemSteps: readonly string[]
}

interface Draft {
  folder: string
  base: string
  environment: Record<string, string>
  user: string | undefined
  command: string[]
  entrypoint: string[]
  healthcheck: string[]
  systemSteps: string[]
  workdir: string
}

/** The files of the context that .dockerignore lets through. It excludes everything and then names each. */
async function allowedPaths(): Promise<string[]> {
  const lines = (await readFile(join(repositoryRoot, '.dockerignore'), 'utf8')).split('\n')
  const rules = lines.filter(line => line !== '' && !line.startsWith('#'))
  if (rules[0] !== '*' || !rules.slice(1).every(rule => rule.startsWith('!'))) {
    throw new Error('.dockerignore should leave out all and then name what comes in')
  }
  return rules.slice(1).map(rule => rule.slice(1))
}

/**
 * Builds `target` and the stages it needs, each below `folder`. Independent stages are built at the same time. Over 70 lines because each instruction changes the same stage.
 */
export async function buildStage(
  target: string,
  folder: string,
  buildArgs: Readonly<Record<string, string>>,
): Promise<BuiltStage> {
  const file = DockerfileParser.parse(await readFile(join(repositoryRoot, 'Dockerfile'), 'utf8'))
  const allowed = await allowedPaths()
  const stages = new Map<string, ReturnType<typeof file.getInstructions>>()
  let current: ReturnType<typeof file.getInstructions> = []
  for (const instruction of file.getInstructions()) {
    if (instruction.getInstruction() === 'FROM') {
      current = []
      stages.set(instruction.getArguments().at(-1)?.getValue() ?? '', current)
    }
    current.push(instruction)
  }
  const built = new Map<string, Promise<Draft>>()
  const build = (name: string): Promise<Draft> => {
    const known = built.get(name)
    if (known !== undefined) return known
    const instructions = stages.get(name)
    if (instructions === undefined) throw new Error(`There is no stage ${name}`)
    const work = carryOut(name, instructions)
    built.set(name, work)
    return work
  }

  async function carryOut(
    name: string,
    instructions: ReturnType<typeof file.getInstructions>,
  ): Promise<Draft> {
    const stage: Draft = {
      folder: join(folder, name),
      base: '',
      environment: {},
      user: undefined,
      command: [],
      entrypoint: [],
      healthcheck: [],
      systemSteps: [],
      workdir: '/',
    }
    await mkdir(stage.folder)
    const needed = instructions.flatMap(i => stageOf(i.getTextContent()) ?? [])
    await Promise.all([...new Set(needed)].map(build))
    for (const instruction of instructions) {
      const args = instruction.getArguments().map(argument => argument.getValue())
      const text = (instruction.getArgumentsContent() ?? '').replace(/\\\n/g, ' ').trim()
      switch (instruction.getInstruction()) {
        case 'FROM':
          stage.base = args[0] ?? ''
          break
        case 'WORKDIR':
          stage.workdir = args[0] ?? '/'
          await mkdir(join(stage.folder, stage.workdir), { recursive: true })
          break
        case 'ARG': {
          const [key = '', standard = ''] = text.split('=')
          stage.environment[key] = buildArgs[key] ?? standard.replaceAll('"', '')
          break
        }
        case 'ENV':
          for (const pair of text.split(/\s+/)) {
            const [key = '', value = ''] = pair.split('=')
            stage.environment[key] = value
          }
          break
        case 'COPY':
          await copy(stage, args, stageOf(instruction.getTextContent()))
          break
        case 'RUN':
          if (text.startsWith('apt-get')) stage.systemSteps.push(text)
          else if (text === 'npm ci --ignore-scripts' && (await isInstalled())) await linkModules(stage)
          else await run(stage, text)
          break
        case 'USER':
          stage.user = args[0]
          break
        case 'CMD':
          stage.command = JSON.parse(text)
          break
        case 'ENTRYPOINT':
          stage.entrypoint = JSON.parse(text)
          break
        case 'HEALTHCHECK':
          stage.healthcheck = JSON.parse(text.slice(text.indexOf('[')))
          break
        case 'EXPOSE':
          break
        default:
          throw new Error(`The instruction ${instruction.getInstruction()} is not supported here`)
      }
    }
    return stage
  }

  async function copy(stage: Draft, paths: readonly string[], from: string | undefined): Promise<void> {
    const source = from === undefined ? repositoryRoot : (await build(from)).folder
    const destination = paths.at(-1) ?? ''
    const sources = paths.slice(0, -1)
    for (const path of sources) {
      if (from === undefined && !allowed.some(name => path === name || path.startsWith(`${name}/`))) {
        throw new Error(`COPY ${path}: .dockerignore keeps it out`)
      }
      const isFolder = destination.endsWith('/') || sources.length > 1
      const name = isFolder ? posix.join(destination, posix.basename(path)) : destination
      await cp(join(source, path), join(stage.folder, stage.workdir, name), { recursive: true })
    }
  }

  return await build(target)
}

/** The stage in `COPY --from=<stage> …`. */
const stageOf = (text: string) => /^COPY\s+--from=(\S+)/.exec(text)?.[1]

/** Whether all packages of the checkout are those that the lock file names: `npm ci` installed them. */
async function isInstalled(): Promise<boolean> {
  const packagesIn = async (name: string): Promise<Record<string, { integrity?: string }>> =>
    JSON.parse(await readFile(join(repositoryRoot, name), 'utf8')).packages
  const locked = await packagesIn('package-lock.json')
  const installed = await packagesIn('node_modules/.package-lock.json')
  return Object.entries(installed).every(([path, { integrity }]) => locked[path]?.integrity === integrity)
}

/** Installing them once more would take a minute and give the same. */
async function linkModules(stage: Draft): Promise<void> {
  await symlink(join(repositoryRoot, 'node_modules'), join(stage.folder, stage.workdir, 'node_modules'))
}

async function run(stage: Draft, text: string): Promise<void> {
  await execute('/bin/sh', ['-c', text], {
    cwd: join(stage.folder, stage.workdir),
    maxBuffer: 64 * 1024 * 1024,
    env: {
      PATH: process.env.PATH ?? '',
      // Only the registry and the npm cache of the user that runs the tests, and nothing else of that user.
      HOME: process.env.HOME ?? '',
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      ...stage.environment,
    },
  })
}
