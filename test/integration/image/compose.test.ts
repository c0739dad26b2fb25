import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { loadSettings } from '../../../src/app/settings/settings.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'

const run = promisify(execFile)

interface Service {
  readonly image: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>
}

const text = readFileSync(join(repositoryRoot, 'docker-compose.yml'), 'utf8')
const compose = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, Service>> }
const { services } = compose
const programs = ['api-1', 'api-2', 'worker', 'migrate']

function service(name: string): Service {
  const found = services[name]
  if (found === undefined) throw new Error(`There is no service ${name}`)
  return found
}

describe('docker-compose.yml', () => {
  test('has Postgres 18, Redis 8, two api processes, a worker and a balancer', () => {
    expect(service('postgres').image).toBe('postgres:18')
    expect(service('redis').image).toBe('redis:8')
    const roles = Object.entries(services)
      .map(([name, { environment }]) => [name, environment?.ROLE])
      .filter(([, role]) => role !== undefined)
    expect(roles).toEqual([
      ['api-1', 'api'],
      ['api-2', 'api'],
      ['worker', 'worker'],
    ])
    for (const name of programs) {
      expect(service(name)).toMatchObject({ read_only: true, build: { context: '.', target: 'production' } })
    }
    // Nobody serves before the schema is there.
    for (const name of ['api-1', 'api-2', 'worker']) {
      expect(service(name).depends_on.migrate?.condition).toBe('service_completed_successfully')
    }
    expect(service('migrate').depends_on.postgres?.condition).toBe('service_healthy')
  })

  test('has a balancer that knows every api by name', async () => {
    const [path = ''] = service('balancer').volumes?.[0]?.split(':') ?? []
    const configuration = await readFile(join(repositoryRoot, path), 'utf8')
    const upstreams = [...configuration.matchAll(/server (\S+):3000/g)].map(match => match[1])
    expect(upstreams).toEqual(Object.keys(services).filter(name => name.startsWith('api-')))
  })

  test('R11.2 is reachable only from this machine', () => {
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(ports).toEqual(['127.0.0.1:8080:8080'])
  })

  test('R11.2 contains no key and no password', () => {
    expect(text).not.toMatch(/local-only/)
    for (const { environment = {} } of Object.values(services)) {
      for (const [name, value] of Object.entries(environment)) {
        expect([name, /SECRET|PASSWORD$|DATABASE_URL/.test(name)]).toEqual([name, false])
        expect([name, /:\/\/[^/]*:[^/]*@/.test(value)]).toEqual([name, false])
      }
    }
  })

  test('starts the containers of the image', async () => {
    const dockerfile = await readFile(join(repositoryRoot, 'Dockerfile'), 'utf8')
    const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(dockerfile) ?? []
    const isSecrets = (part: string) => part.startsWith('--env-file=')
    for (const name of ['api-1', 'api-2', 'worker']) {
      expect(service(name).command.filter(part => !isSecrets(part))).toEqual(JSON.parse(command))
    }
  })
})

describe('R11.2 secrets of docker-compose.yml', () => {
  /** The service `secrets`, with its volume in this folder. */
  async function makeSecrets(folder: string): Promise<void> {
    const { command, volumes = [] } = service('secrets')
    const [volume = '', script = ''] = volumes
    const [source = '', target = ''] = script.split(':')
    const mounted = volume.split(':')[1] ?? ''
    const args = command
      .slice(1)
      .map(part => (part === target ? join(repositoryRoot, source) : part === mounted ? folder : part))
    await run(command[0] === 'node' ? process.execPath : '', args)
  }

  const envOf = async (folder: string) => parseEnv(await readFile(join(folder, 'env'), 'utf8'))

  test('are generated at the first start, and kept', async () => {
    const folder = await temporaryFolder('compose-secrets')
    await makeSecrets(folder)
    const first = await envOf(folder)
    await makeSecrets(folder)
    expect(await envOf(folder)).toEqual(first)
    expect((await readdir(folder)).sort()).toEqual(['env', 'postgres-password'])
    // By the users of the other containers.
    for (const name of await readdir(folder)) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o444)
    }
    const another = await temporaryFolder('compose-secrets')
    await makeSecrets(another)
    const second = await envOf(another)
    for (const name of ['DATABASE_URL', 'JWT_SECRET', 'JWT_REFRESH_SECRET']) {
      expect(second[name]).not.toBe(first[name])
    }
  })

  test('are accepted by production, with the password of Postgres', async () => {
    const folder = await temporaryFolder('compose-secrets')
    await makeSecrets(folder)
    const made = await envOf(folder)
    for (const name of ['api-1', 'api-2', 'worker']) {
      const settings = loadSettings({ ...made, ...service(name).environment })
      expect(settings.isProduction).toBe(true)
    }
    const { environment, depends_on } = service('postgres')
    const [, file = ''] = environment?.POSTGRES_PASSWORD_FILE?.split('/run/loadcast/') ?? []
    const { password, username } = new URL(made.DATABASE_URL ?? '')
    expect(password).toBe(await readFile(join(folder, file), 'utf8'))
    expect(username).toBe(environment?.POSTGRES_USER)
    expect(depends_on.secrets?.condition).toBe('service_completed_successfully')
    for (const name of [...programs, 'postgres']) {
      expect(service(name).volumes).toContain('secrets:/run/loadcast:ro')
    }
    for (const name of programs) expect(service(name).command).toContain('--env-file=/run/loadcast/env')
  })

  test('keep the password of Postgres when the process that generated them died', async () => {
    const folder = await temporaryFolder('compose-secrets')
    await makeSecrets(folder)
    const password = await readFile(join(folder, 'postgres-password'), 'utf8')
    await unlink(join(folder, 'env'))
    await makeSecrets(folder)
    expect(new URL((await envOf(folder)).DATABASE_URL ?? '').password).toBe(password)
  })
})
