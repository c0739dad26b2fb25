/* Creates instances and sends them commands. Input from outside is parsed and then queued for a commit. */
import type { Bounded, Command, CreateOptions, Keyed, SendOptions } from './api.js'
import { parseActor, parseCommand, parseInput } from './commands.js'
import type { Definition } from './definition.js'
import type { Registry } from './definitions/registry.js'
import { UnknownInstanceError, whenAvailable } from './errors.js'
import { noted, traced } from './observed.js'
import type { Store } from './ports.js'
import type { Services } from './services.js'
import type { CreateOutcome, IdempotencyKey, Instance, Limited, Outcome, Replayed } from './types.js'

export interface Sending {
  create(
    machine: string,
    input: unknown,
    options: CreateOptions & Keyed & Bounded,
  ): Promise<CreateOutcome | Replayed | Limited>
  send(id: string, event: Command, options: SendOptions & Keyed): Promise<Outcome | Replayed>
}

interface SendingParts extends Services {
  /** Throws if the engine accepts no more work. */
  assertOpen(): void
  /** The instance as stored now. */
  read(id: string): Promise<Instance | undefined>
}

export function createSending(parts: SendingParts): Sending {
  return {
    create: (machine, input, options) => create(parts, machine, input, options),
    send: (id, event, options) => send(parts, id, event, options),
  }
}

async function create(
  { assertOpen, store, registry, committer, membership, platform, meter, tracer }: SendingParts,
  machine: string,
  input: unknown,
  { actor, key, limits = [] }: CreateOptions & Keyed & Bounded,
): Promise<CreateOutcome | Replayed | Limited> {
  assertOpen()
  const renewal = membership.ensure()
  if (renewal !== undefined) await whenAvailable(renewal)
  const parsed = parseInput(registry.writing(machine).definition, input)
  const caller = parseActor(actor)
  const span = tracer?.begin('create', { attributes: { machine } })
  const created = new Promise<CreateOutcome | Replayed | Limited>((settle, fail) => {
    const arrivedAt = platform.monotonicMs()
    const pending = {
      uid: platform.uid(),
      actor: traced(caller, span),
      span,
      arrivedAt,
      attempts: 0,
      settle,
      fail,
    }
    committer.submit(platform.uid(), { kind: 'create', machine, input: parsed, key, limits, ...pending })
  })
  return confirmed(store, key, noted(created, { machine, event: 'create', span, meter }))
}

async function send(
  { assertOpen, read, store, registry, known, committer, membership, platform, meter, tracer }: SendingParts,
  id: string,
  event: Command,
  { actor, ifVersion, loaded, key, preconditions = [] }: SendOptions & Keyed,
): Promise<Outcome | Replayed> {
  assertOpen()
  const renewal = membership.ensure()
  if (renewal !== undefined) await whenAvailable(renewal)
  const given = loaded === undefined ? undefined : known.noteRead(loaded.row, loaded.readStartedAt)
  const instance = given ?? known.cache.get(id)?.instance ?? (await whenAvailable(read(id)))
  assertOpen() // it may have been closed while the database was read
  if (instance === undefined) throw new UnknownInstanceError(id)
  const definition = definitionFor(registry, instance)
  const parsed = parseCommand(definition, event)
  const caller = parseActor(actor)
  const { machine } = instance
  const attributes = { machine, event: parsed.type, instance: id }
  const span = tracer?.begin('transition', { attributes })
  const sent = new Promise<Outcome | Replayed>((settle, fail) => {
    committer.submit(id, {
      kind: 'command',
      uid: platform.uid(),
      actor: traced(caller, span),
      span,
      arrivedAt: loaded?.readStartedAt ?? platform.monotonicMs(),
      attempts: 0,
      event: parsed,
      isUrgent: definition.urgent.includes(parsed.type),
      ifVersion,
      key,
      preconditions,
      settle,
      fail,
    })
  })
  return confirmed(store, key, noted(sent, { machine, event: parsed.type, span, meter }))
}

/**
 * The definition version that a command to this instance is checked by. The instance is migrated with its next event.
 */
function definitionFor(registry: Registry, { machine, definitionVersion }: Instance): Definition {
  const writing = registry.writing(machine)
  const { version } = writing.definition
  return (version > definitionVersion ? writing : writing.at(definitionVersion)).definition
}

/** Repeats an earlier answer only after its commit is durable. */
function confirmed<T extends CreateOutcome | Outcome | Replayed | Limited>(
  store: Pick<Store, 'confirmDurable'>,
  key: IdempotencyKey | undefined,
  work: Promise<T>,
): Promise<T> {
  if (key === undefined) return work
  return work.then(async outcome => {
    if (outcome.kind === 'replayed') await whenAvailable(store.confirmDurable())
    return outcome
  })
}
