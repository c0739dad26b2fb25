/* The rules of docs/ARCHITECTURE.md for imports, checked on the source text. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), '../../..')

export interface SourceFile {
  /** The path from the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** The packages that a room may import (absent: any), and the other rooms that it may import. */
interface Room {
  readonly rooms: readonly string[]
  readonly packages?: readonly string[]
}

const ROOMS: Readonly<Record<string, Room>> = {
  // The ground floor, for any program: small types, and collections, batches, limits and pauses.
  types: { rooms: [], packages: [] },
  concurrency: { rooms: [], packages: [] },
  machines: { rooms: [], packages: ['xstate', 'zod'] },
  runtime: {
    rooms: ['types', 'concurrency'],
    packages: ['xstate', 'zod', 'uuid', 'lru-cache', 'pino', 'node:'],
  },
  dispatch: {
    rooms: ['types', 'concurrency', 'machines', 'runtime'],
    packages: ['zod', 'uuid', 'lru-cache', 'pino', 'node:'],
  },
  'adapters/*': { rooms: ['types', 'concurrency', 'runtime', 'dispatch'] },
  // The client runs in browsers.
  client: { rooms: ['types'], packages: ['socket.io-client'] },
  testing: { rooms: ['types', 'concurrency', 'runtime', 'machines'] },
  // Composition: the only rooms that may import all others. The entry points are the files of src itself.
  app: { rooms: ['types', 'concurrency', 'machines', 'runtime', 'dispatch', 'adapters/*'] },
  '': { rooms: ['app', 'types', 'concurrency', 'machines', 'runtime', 'dispatch', 'adapters/*'] },
}

export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => ({
      path: relative(repositoryRoot, path).replaceAll('\\', '/'),
      text: readFileSync(path, 'utf8'),
    }))
}

/** Returns each breach of the rules in `files`, as a sentence. */
export function findBreaches(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => importsOf(file).flatMap(specifier => judge(file.path, specifier)))
}

/** What a file imports or exports again, as it is written. */
export function importsOf({ text }: SourceFile): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g
  return [...text.matchAll(pattern)].map(match => match[1] ?? match[2] ?? match[3] ?? '')
}

/** `src/adapters/http/routes/x.ts` is in the room `adapters/http`, and `src/main.ts` in ''. */
function roomOf(path: string): string {
  const [, first = '', second = ''] = path.split('/')
  if (first === 'adapters') return `adapters/${second}`
  return first.endsWith('.ts') ? '' : first
}

const ruleOf = (room: string) => ROOMS[room.startsWith('adapters/') ? 'adapters/*' : room]

/** The file that a relative specifier in `path` names. */
export function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
}

function judge(path: string, specifier: string): string[] {
  const room = roomOf(path)
  const rule = ruleOf(room)
  if (rule === undefined) return [`${path}: "${room}" is no room of the house`]
  if (!specifier.startsWith('.')) {
    const isAllowed = rule.packages === undefined || rule.packages.some(name => specifier.startsWith(name))
    return isAllowed
      ? []
      : [`${path} imports ${specifier}: ${room} may use ${rule.packages?.join(', ') || 'no package'}`]
  }
  const target = targetOf(path, specifier)
  if (!target.startsWith('src/')) return [`${path} imports ${specifier}: outside src`]
  const targetRoom = roomOf(target)
  if (targetRoom === room) return []
  const seen = targetRoom.startsWith('adapters/') ? 'adapters/*' : targetRoom
  if (!rule.rooms.includes(seen)) {
    return [
      `${path} imports ${specifier}: ${room || 'src'} may look into ${rule.rooms.join(', ') || 'no other room'}`,
    ]
  }
  if (targetRoom === 'machines' && target !== 'src/machines/index.ts') {
    return [`${path} imports ${specifier}: machines has one door, machines/index.js`]
  }
  return []
}
