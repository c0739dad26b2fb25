import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { type AnyStateMachine, type AnyStateNode, createMachine } from 'xstate'
import { machineDocs, machineJson, machineMermaid, withDiagram } from '../../../scripts/machine-docs.js'
import { broadcastMachine, tripMachine } from '../../../src/machines/index.js'

const machines: readonly (readonly [string, AnyStateMachine])[] = [
  ['broadcast', broadcastMachine],
  ['trip', tripMachine],
]
const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

function* nodesOf(node: AnyStateNode): Generator<AnyStateNode> {
  yield node
  for (const child of Object.values(node.states)) yield* nodesOf(child)
}

type ActionLike = { type?: string; id?: string; delay?: unknown; sendId?: string; params?: unknown } | string

const describeAction = (action: ActionLike) =>
  typeof action === 'string'
    ? action
    : [action.type, action.id, action.delay, action.sendId, action.params].filter(part => part !== undefined)

const describeMachine = (machine: AnyStateMachine) =>
  [...nodesOf(machine.root)].map(node => ({
    id: node.id,
    type: node.type,
    description: node.description,
    initial: node.initial?.target?.map((target: AnyStateNode) => target.id),
    entry: node.entry.map(action => describeAction(action as ActionLike)),
    exit: node.exit.map(action => describeAction(action as ActionLike)),
    transitions: [...node.transitions.values()].flat().map(({ eventType, target, guard, actions }) => ({
      eventType,
      target: target?.map((to: AnyStateNode) => to.id),
      guard,
      actions: actions.map(action => describeAction(action as ActionLike)),
    })),
  }))

test('R10.6 the committed documents match the machines: npm run machines writes them', () => {
  const fresh: Record<string, string> = Object.assign(
    {},
    ...machines.map(([, machine]) => machineDocs(machine)),
  )
  expect(readdirSync(new URL('docs/machines/', root)).sort()).toEqual(Object.keys(fresh).sort())
  for (const [name, content] of Object.entries(fresh)) expect(read(`docs/machines/${name}`)).toBe(content)
})

test('README shows the diagram of the machine: npm run machines writes it', () => {
  expect(read('README.md')).toBe(withDiagram(read('README.md'), machineMermaid(broadcastMachine)))
})

describe.each(machines)('the %s machine', (name, machine) => {
  const nodes = [...nodesOf(machine.root)]

  test('R10.6 built again from its JSON has the same states, transitions, guards, actions and delays', () => {
    const rebuilt = createMachine(JSON.parse(machineJson(machine)))
    expect(describeMachine(rebuilt)).toEqual(describeMachine(machine))
  })

  test('has a description of every state', () => {
    for (const node of nodes) expect([node.id, node.description]).toEqual([node.id, expect.any(String)])
  })

  test('can be pasted whole into a visualizer: its file imports xstate, and only types of other files', () => {
    const imports = read(`src/machines/${name}/machine.ts`).match(/^import [\s\S]*? from '.*'$/gm) ?? []
    const values = imports.filter(line => !line.startsWith('import type'))
    expect(values).toEqual([expect.stringMatching(/from 'xstate'$/)])
  })

  test('names every guard, action and delay, so that its JSON is complete', () => {
    const functions: string[] = []
    const visit = (value: unknown, path: string) => {
      if (typeof value === 'function') functions.push(path)
      if (typeof value !== 'object' || value === null) return
      for (const [key, inner] of Object.entries(value)) visit(inner, path === '' ? key : `${path}.${key}`)
    }
    visit(machine.config, '')
    expect(functions).toEqual(name === 'broadcast' ? ['context'] : [])
  })

  describe('as Mermaid', () => {
    const lines = machineMermaid(machine)
      .trimEnd()
      .split('\n')
      .map(line => line.trim())

    test('has only statements that are known to parse', () => {
      const statement =
        /^(stateDiagram-v2|}|\w+|state (\w+|"[\w ()]+" as \w+) \{|(\[\*\]|\w+) --> (\[\*\]|\w+)|(\w+ --> )?\w+ : [\w .,[\]<>/]+)$/
      for (const line of lines) expect(line).toMatch(statement)
      const opened = lines.filter(line => line.endsWith('{')).length
      expect(lines.filter(line => line === '}')).toHaveLength(opened)
    })

    test('draws every state, and every transition at its source or the state around it', () => {
      for (const node of nodes.filter(({ parent }) => parent !== undefined)) {
        const drawn = lines.filter(line => new RegExp(`^(state )?${node.key}( |$)`).test(line))
        expect([node.key, drawn.length > 0]).toEqual([node.key, true])
      }
      const text = lines.join('\n')
      for (const { eventType, guard } of nodes.flatMap(node => [...node.transitions.values()].flat())) {
        const [, , delay] = eventType.split('.')
        expect(text).toContain(eventType.startsWith('xstate.after') ? `after ${delay}` : eventType)
        if (guard !== undefined)
          expect(text).toContain(typeof guard === 'string' ? guard : (guard as { type: string }).type)
      }
    })

    test('joins only states of the same composite', () => {
      for (const line of lines) {
        const [, from, to] = /^(\w+) --> (\w+)( :|$)/.exec(line) ?? []
        if (from === undefined) continue
        const parentOf = (key?: string) => nodes.find(node => node.key === key)?.parent?.id
        expect([line, parentOf(from)]).toEqual([line, parentOf(to)])
      }
    })
  })
})

test('the broadcast diagram shows a few expected transitions', () => {
  const text = machineMermaid(broadcastMachine)
  expect(text).toContain('seeking --> expired : after broadcastTimeout\n')
  expect(text).toContain('seeking --> cancelled : cancel\n')
  expect(text).toContain('fully_filled --> cancelled : cancel from revocable\n')
  expect(text).toContain('accept [fillsLastTruckUnderWay] to settled')
  expect(text).toContain('expired --> cancelled : cancel [hasUnstartedTrip]\n')
})
