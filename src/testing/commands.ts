/*
 * Model-based commands for `fc.asyncModelRun`, for tests in that style. The model is the machine itself, so every command
 * is checked against the answer of the machine alone.
 */
import fc from 'fast-check'
import type { AnyMachineSnapshot } from 'xstate'
import type { Command } from '../runtime/api.js'
import { parseCommand } from '../runtime/commands.js'
import { createRegistry } from '../runtime/definitions/registry.js'
import type { Engine, SendResult } from '../runtime/public-engine.js'
import type { Subject } from './subject.js'

/** The model's knowledge of the one instance that commands are sent to. */
export interface CommandsModel {
  version: number
  snapshot: AnyMachineSnapshot
}

/** The system that commands run on: an engine, started or not, and an instance of the subject. */
export interface CommandsSystem {
  readonly engine: Engine
  readonly instance: string
}

type RaceCommand = fc.AsyncCommand<CommandsModel, CommandsSystem>

const actor = { id: 'model', role: 'caller' }

/**
 * Commands for a subject. `raceSetup` makes the model and the system to start with:
 *
 *   fc.asyncProperty(commands, async given => {
 *     await fc.asyncModelRun(() => raceSetup(subject, engine, input), given)
 *   })
 *
 * Timers must be further away than a run takes, because the model has no clock. Nothing else may send to the instance.
 */
export function raceCommands(subject: Subject, options: { readonly maxCommands?: number } = {}) {
  const one = subject.commands.map(command => new Sent(subject, command))
  return fc.commands([one], { maxCommands: options.maxCommands ?? 30, size: 'max' })
}

/** Creates the instance and the model of it. Throws if the create is refused. */
export async function raceSetup(subject: Subject, engine: Engine, input: Readonly<Record<string, unknown>>) {
  const made = await engine.create(subject.definition.name, input, { actor })
  if (made.kind !== 'created') throw new Error(`The instance could not be created: ${made.reason}`)
  const model: CommandsModel = { version: 1, snapshot: made.snapshot }
  return { model, real: { engine, instance: made.id } }
}

class Sent implements RaceCommand {
  readonly #subject: Subject
  readonly #command: Command

  constructor(subject: Subject, command: Command) {
    this.#subject = subject
    this.#command = command
  }

  check(model: Readonly<CommandsModel>): boolean {
    return this.#complete(model) !== undefined
  }

  async run(model: CommandsModel, { engine, instance }: CommandsSystem): Promise<void> {
    const command = this.#complete(model)
    if (command === undefined) return
    const { definition } = this.#subject
    const outcome = await engine.send(instance, command, { actor })
    const { stepper } = createRegistry([definition]).get(definition.name)
    const [entry] = await engine.history(instance, { after: outcome.version - 1, limit: 1 })
    if (entry === undefined) throw new Error(`${this}: version ${outcome.version} is not in the history`)
    const { at, uid } = entry
    const event = { ...parseCommand(definition, command), at, uid }
    const step = stepper.step(model.snapshot, event)
    const expected =
      step.kind === 'moved'
        ? { word: 'applied', version: model.version + 1, json: stepper.persist(step.snapshot) }
        : {
            word: definition.refuse(model.snapshot, event)?.reason ?? 'unchanged',
            version: model.version,
            json: stepper.persist(model.snapshot),
          }
    const actual = {
      word: wordOf(outcome),
      version: outcome.version,
      json: 'snapshot' in outcome ? stepper.persist(outcome.snapshot) : expected.json,
    }
    for (const part of ['word', 'version', 'json'] as const) {
      if (actual[part] === expected[part]) continue
      throw new Error(`${this}: expected ${part} ${expected[part]}, got ${actual[part]}`)
    }
    model.version = outcome.version
    if ('snapshot' in outcome) model.snapshot = outcome.snapshot
  }

  toString(): string {
    return JSON.stringify(this.#command)
  }

  #complete({ snapshot }: Readonly<CommandsModel>): Command | undefined {
    return this.#subject.complete === undefined
      ? this.#command
      : this.#subject.complete(this.#command, snapshot)
  }
}

const wordOf = (outcome: SendResult) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind)
