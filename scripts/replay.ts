/*
 * `npm run replay -- <file or folder> …`: replays saved histories through the machines of this code, and prints where they
 * would decide differently. Without a path it replays the golden histories of the repository, as CI does. The exit code is
 * 1 if there is a difference, and 2 if a file cannot be replayed.
 *
 * `npm run replay -- --record` records golden histories for versions that have none yet. It never changes existing ones,
 * because past decisions must stay as they were.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { broadcastDefinition } from '../src/machines/index.js'
import type { Definition } from '../src/runtime/definition.js'
import {
  check,
  findDrift,
  formatViolation,
  parseGolden,
  parseHistory,
  shapeOf,
} from '../src/testing/index.js'
import { recordGoldens } from './record-goldens.js'
import { broadcastSubject } from './subjects/broadcast.js'

const GOLDENS = fileURLToPath(new URL('../test/golden/', import.meta.url))
const definitions: readonly Definition[] = [broadcastDefinition]

function definitionOf(machine: string): Definition {
  const found = definitions.find(({ name }) => name === machine)
  if (found !== undefined) return found
  const known = definitions.map(({ name }) => name).join(', ')
  throw new Error(`There is no machine "${machine}" here; there are: ${known}`)
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true })
  return entries
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => join(path, name))
}

/** The differences, as sentences. */
async function replayFile(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8')
  const { format, machine } = JSON.parse(text) as { format?: string; machine?: string }
  if (format === 'loadcast-history') {
    const history = parseHistory(text)
    return check(history, definitionOf(history.machine)).violations.map(formatViolation)
  }
  const golden = parseGolden(text)
  return findDrift(definitionOf(String(machine)), golden).map(({ kind, message }) => `${kind}: ${message}`)
}

async function record(): Promise<void> {
  const { name, version } = broadcastSubject.definition
  const folder = join(GOLDENS, `${name}-v${version}`)
  if (existsSync(folder)) {
    throw new Error(
      `${folder} exists: the decisions of version ${version} are kept. Raise the version to record again.`,
    )
  }
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'shape.json'),
    `${JSON.stringify(shapeOf(broadcastSubject.definition), null, 1)}\n`,
  )
  for (const [i, golden] of (await recordGoldens(broadcastSubject)).entries()) {
    const { entries, ...head } = golden
    const lines = entries.map(entry => `  ${JSON.stringify(entry)}`).join(',\n')
    const start = JSON.stringify(head).slice(0, -1)
    await writeFile(
      join(folder, `${String(i + 1).padStart(2, '0')}.json`),
      `${start},"entries":[\n${lines}\n]}\n`,
    )
  }
  console.log(`recorded ${folder}`)
}

try {
  const { values, positionals } = parseArgs({
    options: { record: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (values.record) await record()
  const paths = (await Promise.all((positionals.length > 0 ? positionals : [GOLDENS]).map(filesOf))).flat()
  if (paths.length === 0) throw new Error('There is nothing to replay')
  let differing = 0
  for (const path of paths) {
    const found = await replayFile(path)
    if (found.length === 0) continue
    differing++
    console.log(`${path}\n${found.map(line => `  ${line}`).join('\n')}`)
  }
  console.log(`${paths.length} replayed, ${differing} differ`)
  if (differing > 0) {
    console.log(
      'A change that alters what was decided needs a new version of the definition, and a migration to it.',
    )
    process.exitCode = 1
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
