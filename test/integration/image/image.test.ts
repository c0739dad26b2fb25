import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { validate } from 'dockerfile-utils'
import { useDatabase } from '../../support/database/use-database.js'
import { repositoryRoot } from '../../support/house/import-rules.js'
import { type BuiltStage, buildStage } from '../../support/image/dockerfile.js'
import { temporaryFolder } from '../../support/processes/temporary-folder.js'
import { createClient } from '../../support/server/clients.js'
import { processEnvironment } from '../../support/server/server.js'

const RELEASE = '0.1.0+0123456789abcdef0123456789abcdef01234567'
const MIB = 1024 ** 2
/** What the image may add to its base. */
const MAX_INSTALLED_BYTES = 200 * MIB
/** So many of what fills it the runbook names. */
const LISTED = 8
/** Nobody: has no files, may write nowhere. */
const NOBODY = 65_534

const { connectionString } = await useDatabase({ empty: true })
let stage: BuiltStage
let app: string

interface Running {
  readonly child: ChildProcess
  readonly output: () => string
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** A command of the image as its user, who may write nothing, with its variables and what is given. */
function start(command: readonly string[], env: Readonly<Record<string, string>>): Running {
  const [, ...args] = command
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const child = spawn(process.execPath, args, {
    cwd: app,
    env: {
      PATH: '/usr/bin:/bin',
      ...stage.environment,
      NODE_EXTRA_CA_CERTS: join(stage.folder, stage.environment.NODE_EXTRA_CA_CERTS ?? ''),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...identity,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  const ended = new Promise<number | NodeJS.Signals | null>(resolve =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  )
  return { child, output: () => text, ended }
}

/** Until the log says so; rejects if the process ends instead. */
function listening({ child, output, ended }: Running): Promise<string> {
  return new Promise((resolve, reject) => {
    ended.then(code => reject(new Error(`Ended with ${code}:\n${output()}`)))
    child.stdout?.on('data', () => {
      const url = /"url":"(http:[^"]+)"/.exec(output())?.[1]
      if (url !== undefined) resolve(url.replace('0.0.0.0', '127.0.0.1'))
    })
  })
}

async function bytesIn(path: string): Promise<number> {
  const found = await lstat(path)
  if (!found.isDirectory()) return found.blocks * 512
  const sizes = await Promise.all((await readdir(path)).map(name => bytesIn(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, found.blocks * 512)
}

/** Seconds of processor time that a process has used. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Of a process that does nothing, on a quiet machine. */
const QUIET_EMPTY_START_S = 0.1

/**
 * The processor time that starting a process takes now, as a multiple of what it takes on a quiet machine: what shares the
 * processors and their caches slows all work down, also by this measure.
 */
async function cpuInflation(): Promise<number> {
  const program = 'const { user, system } = process.cpuUsage(); (user + system) / 1e6'
  const { stdout } = await promisify(execFile)(process.execPath, ['-p', program])
  return Math.max(1, Number(stdout) / QUIET_EMPTY_START_S)
}

describe('the image', () => {
  beforeAll(async () => {
    const folder = await temporaryFolder('image')
    stage = await buildStage('production', folder, { RELEASE })
    app = join(stage.folder, 'app')
  })
  test('R9.2 P4.1 is Node 24, slim, with an init, not as root', () => {
    expect(stage.base).toBe('node:24-slim')
    expect(stage.user).toBe('node')
    expect(stage.entrypoint).toEqual(['tini', '--'])
    expect(stage.systemSteps).toEqual([
      expect.stringMatching(/^apt-get update .* tini .*rm -rf \/var\/lib\/apt/),
    ])
  })

  test('has a Dockerfile without linter findings', async () => {
    expect(validate(await readFile(join(repositoryRoot, 'Dockerfile'), 'utf8'))).toEqual([])
    expect(validate('FROM node:24-slim\nMAINTAINER x')).not.toEqual([])
  })

  test('R9.1 migrates and serves on Postgres with production files only, writes nothing, ends at SIGTERM', async () => {
    const modules = await readdir(join(app, 'node_modules'))
    const { devDependencies, optionalDependencies } = JSON.parse(
      await readFile(join(repositoryRoot, 'package.json'), 'utf8'),
    )
    for (const name of [...Object.keys(devDependencies), ...Object.keys(optionalDependencies)]) {
      expect([name, modules.includes(name)]).toEqual([name, false])
    }
    expect((await readdir(app)).sort()).toEqual([
      'dist',
      'migrations',
      'node_modules',
      'package.json',
      'rds-certificates.pem',
    ])

    const env = { DATABASE_URL: connectionString }
    const migration = start(['node', 'dist/migrate.js'], env)
    expect([await migration.ended, migration.output()]).toEqual([0, expect.stringContaining('applied')])

    const server = start(stage.command, { ...env, ...processEnvironment, PORT: '0' })
    try {
      const url = await listening(server)
      const customer = await createClient(url, 'customer', 'c-image')
      expect((await customer.get('/health')).body).toMatchObject({ status: 'ok', version: RELEASE })
      const truck = { vehicleType: '14ft', count: 1 }
      const place = { lat: 28.6, lng: 77.2 }
      const created = await customer.post('/api/v1/broadcasts', {
        pickup: place,
        drop: place,
        trucks: [truck],
      })
      expect(created.status).toBe(201)
      const { port } = new URL(url)
      expect(await start(stage.healthcheck, { PORT: port }).ended).toBe(0)
      server.child.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      expect(await start(stage.healthcheck, { PORT: port }).ended).toBe(1)
    } finally {
      server.child.kill('SIGKILL')
    }
    const made = (await readdir(app, { recursive: true })).filter(path => path.includes('.loadcast'))
    expect(made).toEqual([])
  })

  test('starts on a migrated database with less than 2 s of processor time', async () => {
    const env = { DATABASE_URL: connectionString, ...processEnvironment, PORT: '0' }
    const before = await cpuInflation()
    const server = start(stage.command, env)
    try {
      await listening(server)
      const usedS = cpuSecondsOf(server.child.pid ?? 0)
      expect(usedS).toBeLessThan(2 * Math.max(before, await cpuInflation()))
    } finally {
      server.child.kill('SIGTERM')
      await server.ended
    }
  })

  test('is small: it adds under 200 MB to its base', async () => {
    expect(await bytesIn(app)).toBeLessThan(MAX_INSTALLED_BYTES)
  })

  test('is filled by the commands of the runbook, as much as it states', async () => {
    const runbook = await readFile(join(repositoryRoot, 'docs/OPERATIONS.md'), 'utf8')
    const [, chapter = ''] = runbook.split(/^## What is in the image$/m)
    const [text = ''] = chapter.split(/^## /m)
    const told = new Map(
      [...text.matchAll(/`([^`]+)` (\d+) (?=\|)/g)].map(([, name = '', size]) => [name, Number(size)]),
    )
    const sizes = new Map<string, number>()
    for (const name of await readdir(join(app, 'node_modules'))) {
      sizes.set(name, (await bytesIn(join(app, 'node_modules', name))) / MIB)
    }
    const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, LISTED)
    expect([...told.keys()].sort()).toEqual(largest.map(([name]) => name).sort())
    for (const [name, size] of largest)
      expect([name, Math.abs(size - (told.get(name) ?? 0)) < 2]).toEqual([name, true])
    const [, megabytes = '', packages = ''] = /and (\d+) MB of ours[\s\S]* (\d+) packages/.exec(text) ?? []
    expect(Math.abs((await bytesIn(app)) / MIB - Number(megabytes))).toBeLessThan(10)
    const lock = JSON.parse(await readFile(join(app, 'node_modules/.package-lock.json'), 'utf8'))
    expect(Object.keys(lock.packages)).toHaveLength(Number(packages))
  })

  test('R9.2 trusts the authorities of RDS databases', async () => {
    const path = stage.environment.NODE_EXTRA_CA_CERTS ?? ''
    const text = await readFile(join(stage.folder, path), 'utf8')
    expect(text.match(/-----BEGIN CERTIFICATE-----/g)?.length).toBeGreaterThan(50)
    expect(stage.environment.NODE_ENV).toBe('production')
  })
})
