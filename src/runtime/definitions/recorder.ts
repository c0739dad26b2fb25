import { type AnyActorScope, type AnyMachineSnapshot, type AnyStateMachine, createActor } from 'xstate'
import { DefinitionError } from '../errors.js'

/** An action that XState would execute, as it asked for it. */
export interface RecordedAction {
  readonly type: string
  readonly params: unknown
}

export interface Recorder {
  /** Stands for a running actor in the calls of one machine. */
  readonly scope: AnyActorScope
  /** Runs `work` on `scope` and returns its actions too. `before` is the present snapshot meanwhile. */
  record(
    before: AnyMachineSnapshot | undefined,
    work: () => AnyMachineSnapshot,
  ): [AnyMachineSnapshot, RecordedAction[]]
}

/** One scope for all calls of a machine: a scope for each call would take ten times as long. */
export function createRecorder(machine: AnyStateMachine): Recorder {
  let recorded: RecordedAction[] = []
  /** What a running actor would answer while it handles an event. */
  let present: AnyMachineSnapshot | undefined
  // The eager initial snapshot that `createActor` makes without input may fail: it is never used.
  const self = createActor(machine, { logger: () => {} })
  Object.assign(self, { getSnapshot: () => present }, withoutEffect())
  const scope = {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    logger: () => {},
    defer: () => {},
    stopChild: () => {},
    emit: () => {},
    actionExecutor: (action: RecordedAction) => {
      recorded.push(action)
    },
  } as unknown as AnyActorScope

  return {
    scope,
    record(before, work) {
      recorded = []
      present = before
      try {
        return [work(), recorded]
      } finally {
        // The scope is shared by all calls, so this happens when `work` throws, too.
        recorded = []
        present = undefined
      }
    },
  }
}

/** Calls on `self` within a transition that would be lost, since no actor runs. */
function withoutEffect(): object {
  const names = ['send', 'start', 'stop', 'subscribe', 'on']
  const refuse = (name: string) => () => {
    const advice = name === 'send' ? ': use raise(…)' : ''
    throw new DefinitionError(`self.${name}() is called, which cannot be made durable${advice}`)
  }
  return Object.fromEntries(names.map(name => [name, refuse(name)]))
}
