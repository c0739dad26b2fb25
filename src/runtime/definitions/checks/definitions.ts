/*
 * All faults of all definitions, found before any instance exists and told together. `createRegistry` asks; so the engine,
 * the race kit and `npm run replay` find the same.
 */
import type { Definition } from '../../definition.js'
import { DefinitionError } from '../../errors.js'
import { at, cut, type Fault, isObject, type Report, shown } from './fault.js'
import { checkMachine, isMachine } from './machine.js'
import { checkProjections } from './projections.js'
import { checkSchema, checkTypeField } from './schemas.js'
import { complaintAboutKey } from './text.js'

/** A column of type integer holds no more. */
const MAX_VERSION = 2 ** 31 - 1
/** A name is part of every row, log line and metric of its instances. */
const MAX_NAME_LENGTH = 100
/** Of one message. All are in `DefinitionError.faults`. */
const MAX_FAULTS_TOLD = 100

const FUNCTIONS = ['status', 'owner', 'claims', 'refuse', 'refusePermanently', 'refuseClaim']

type Given = Readonly<Record<string, unknown>>

/** Throws one `DefinitionError` with all faults. */
export function assertDefinitions(definitions: readonly Definition[]): void {
  const faults = new Faults()
  if (Array.isArray(definitions)) for (const [i, one] of definitions.entries()) faults.check(one, i)
  else faults.add('definitions', '', `expected an array of definitions, got ${shown(definitions)}`)
  const [first, ...others] = faults.found
  if (first === undefined) return
  if (others.length === 0) throw new DefinitionError(lineOf(first), undefined, faults.found)
  const told = faults.found.slice(0, MAX_FAULTS_TOLD).map(fault => `\n- ${lineOf(fault)}`)
  const untold = faults.found.length - told.length
  const more = untold > 0 ? `\n- and ${untold} more` : ''
  const message = `${faults.found.length} faults in the definitions:${told.join('')}${more}`
  throw new DefinitionError(message, undefined, faults.found)
}

function lineOf({ definition, path, message }: Fault): string {
  return `${definition}: ${path === '' ? '' : `${path}: `}${message}`
}

class Faults {
  readonly found: Fault[] = []
  /** Name → version → the definition. */
  readonly #known = new Map<unknown, Map<unknown, unknown>>()

  add(definition: string, path: string, message: string): void {
    this.found.push({ definition, path, message })
  }

  check(definition: unknown, index: number): void {
    const place = at('definitions', index)
    if (!isObject(definition)) {
      this.add(place, '', `expected a definition, got ${shown(definition)}`)
      return
    }
    const { name } = definition
    if (typeof name === 'string' && this.#known.has(name)) {
      const message = `Two definitions are named ${shown(name)}: pass the newest alone, whose migrations name the older ones`
      this.add(labelOf(definition, place), 'name', message)
      return
    }
    this.#known.set(name, new Map())
    this.#visit(definition, place)
  }

  #visit(definition: Given, place: string): void {
    const { name, version } = definition
    const label = labelOf(definition, place)
    const report: Report = (path, message) => this.add(label, path, message)
    const versions = this.#known.get(name) ?? new Map<unknown, unknown>()
    const twin = versions.get(version)
    if (twin === definition) return
    if (twin !== undefined) {
      report('version', `Two definitions are version ${shown(version)} of ${shown(name)}`)
      return
    }
    versions.set(version, definition)
    checkFields(definition, report)
    for (const [i, from] of this.#olderOf(definition, report).entries()) {
      if (from !== undefined) this.#visit(from, `${place}.migrations[${i}].from`)
    }
  }

  /** The definitions that migrations lead from; `undefined` where one cannot be gone into. */
  #olderOf(definition: Given, report: Report): readonly (Given | undefined)[] {
    const { name, version, migrations = [] } = definition
    if (!Array.isArray(migrations)) {
      report('migrations', `expected an array, got ${shown(migrations)}`)
      return []
    }
    const seen = new Map<unknown, number>()
    return migrations.map((migration: unknown, i) => {
      const path = at('migrations', i)
      const from = isObject(migration) ? migration.from : undefined
      if (!isObject(migration) || !isObject(from)) {
        const got = isObject(migration) ? migration.from : migration
        report(isObject(migration) ? at(path, 'from') : path, `expected a definition, got ${shown(got)}`)
        return undefined
      }
      if (typeof migration.apply !== 'function') {
        report(at(path, 'apply'), `expected a function, got ${shown(migration.apply)}`)
      }
      if (from.name !== name || !(Number(from.version) < Number(version))) {
        const message = `cannot be migrated to from version ${shown(from.version)} of ${shown(from.name)}: expected an older version of the same definition`
        report(at(path, 'from'), message)
        return undefined
      }
      const twin = seen.get(from.version)
      if (twin !== undefined) {
        report(at(path, 'from'), `version ${shown(from.version)} is migrated by migrations[${twin}] already`)
      }
      seen.set(from.version, i)
      return from
    })
  }
}

function labelOf({ name, version }: Given, place: string): string {
  if (typeof name !== 'string' || name.trim() === '') return place
  const word = typeof version === 'number' ? String(version) : shown(version)
  return `${cut(name, MAX_NAME_LENGTH)} v${word}`
}

function checkFields(definition: Given, report: Report): void {
  checkName(definition.name, report)
  checkVersion(definition.version, report)
  if (isMachine(definition.machine)) {
    checkMachine(definition.machine, (path, message) => report(path === '' ? 'machine' : path, message))
  } else {
    report('machine', `expected a machine made by createMachine(), got ${shown(definition.machine)}`)
  }
  checkSchema(definition.input, 'input', report)
  checkCommands(definition.commands, report)
  checkUrgent(definition.urgent, definition.commands, report)
  checkProjections(definition.projections, report)
  for (const name of FUNCTIONS) {
    const given = definition[name]
    if (typeof given !== 'function') report(name, `expected a function, got ${shown(given)}`)
  }
}

function checkName(name: unknown, report: Report): void {
  if (typeof name !== 'string' || name.trim() === '') {
    report('name', `expected a name, got ${shown(name)}`)
  } else if (name.length > MAX_NAME_LENGTH) {
    report('name', `expected ${MAX_NAME_LENGTH} characters at most, got ${name.length}`)
  } else if (name !== name.trim() || /[\p{Cc}\p{Surrogate}]/u.test(name)) {
    report('name', `expected text without control characters or white space around it, got ${shown(name)}`)
  }
}

function checkVersion(version: unknown, report: Report): void {
  if (typeof version === 'number' && Number.isInteger(version) && version >= 1 && version <= MAX_VERSION)
    return
  report('version', `expected an integer from 1 to ${MAX_VERSION}, got ${shown(version)}`)
}

function checkCommands(commands: unknown, report: Report): void {
  if (!isObject(commands)) {
    report('commands', `expected an object of event types and zod schemas, got ${shown(commands)}`)
    return
  }
  for (const [type, schema] of Object.entries(commands)) {
    const path = at('commands', type)
    const complaint = complaintAboutType(type)
    if (complaint !== undefined) report(path, complaint)
    checkSchema(schema, path, report)
    checkTypeField(schema, type, path, report)
  }
}

/** What is wrong with the name of a command; `undefined`: nothing. */
function complaintAboutType(type: string): string | undefined {
  if (type.trim() === '') return 'expected a name'
  if (type.startsWith('xstate.route')) {
    return 'names that begin with "xstate." are reserved: instead of `route`, let a command of your own target the state'
  }
  if (type.startsWith('xstate.')) return 'names that begin with "xstate." are reserved'
  return complaintAboutKey(type)
}

function checkUrgent(urgent: unknown, commands: unknown, report: Report): void {
  if (!Array.isArray(urgent)) {
    report('urgent', `expected an array of command names, got ${shown(urgent)}`)
    return
  }
  const known = Object.keys(isObject(commands) ? commands : {})
  for (const [i, type] of urgent.entries()) {
    if (known.includes(type)) continue
    report(at('urgent', i), `expected one of ${known.map(shown).join(', ')}; got ${shown(type)}`)
  }
}
