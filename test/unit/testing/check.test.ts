import { describe, expect, it } from '@jest/globals'
import type { JournalEntry } from '../../../src/runtime/types.js'
import {
  check,
  type History,
  HistoryError,
  type Operation,
  type OperationOutcome,
  parseHistory,
} from '../../../src/testing/index.js'
import { scaledProcessorSeconds } from '../../support/engine/pace.js'
import { doorSubject } from '../../support/subjects/door.js'

const { definition } = doorSubject
const START = 1_700_000_000_000
const DOOR = 'door-1'

type Asked = Partial<
  Pick<Operation, 'kind' | 'instance' | 'calledAt' | 'returnedAt' | 'ifVersion' | 'key'>
> & {
  readonly type: string
  readonly outcome: OperationOutcome
} & Record<string, unknown>

/** A history by hand: a door was made, and then what is given, each call at its index × 10 ms, 5 ms long. */
function history(asked: readonly Asked[], more: Partial<History> = {}): History {
  const input = { owner: 'ann', closeMs: 60_000 }
  const given: Asked[] = [
    {
      type: 'xstate.init',
      kind: 'create' as const,
      ...input,
      outcome: { kind: 'applied', version: 1 } as const,
    },
    ...asked,
  ]
  return {
    format: 'loadcast-history',
    version: 1,
    target: 'by hand',
    machine: 'door',
    definitionVersion: 1,
    startedAt: START,
    clockErrorMs: 1,
    operations: given.map(
      ({ type, outcome, kind, calledAt, returnedAt, ifVersion, key, instance, ...event }, id) => ({
        id,
        kind: kind ?? 'send',
        instance: instance ?? DOOR,
        event: { type, ...event },
        calledAt: calledAt ?? id * 10,
        returnedAt: returnedAt === undefined ? id * 10 + 5 : returnedAt,
        outcome,
        ...(ifVersion === undefined ? {} : { ifVersion }),
        ...(key === undefined ? {} : { key }),
      }),
    ),
    ...more,
  }
}

const applied = (version: number) => ({ kind: 'applied', version }) as const
const refused = (reason: string, version?: number) =>
  ({ kind: 'refused', reason, ...(version === undefined ? {} : { version }) }) as const
const messages = (given: History) =>
  check(given, definition).violations.map(({ rule, message }) => `${rule}: ${message}`)

const open = { type: 'open', who: 'bob' }

function entry(
  version: number,
  event: { type: string } & Record<string, unknown>,
  more: Partial<JournalEntry> = {},
) {
  const at = START + (version - 1) * 10 + 2
  const uid = `uid ${version}`
  const status = event.type === 'open' ? 'open' : 'closed'
  return {
    version,
    uid,
    event: { ...event, at, uid },
    status,
    actor: { id: 'x', role: 'caller' },
    at,
    ...more,
  }
}
const made = (version = 1) =>
  entry(version, {
    type: 'xstate.init',
    input: { owner: 'ann', closeMs: 60_000, at: START + 2, uid: 'uid 1' },
  })

describe('the checker', () => {
  it('R10.3 accepts answers that the machine gives, in an order that fits the clock', () => {
    const good = history([
      { ...open, outcome: applied(2) },
      { ...open, outcome: refused('ALREADY_OPEN', 2) },
      { type: 'close', outcome: applied(3) },
      { type: 'close', outcome: { kind: 'unchanged', version: 3 } },
    ])
    expect(messages(good)).toEqual([])
    expect(
      messages({
        ...good,
        journals: { [DOOR]: [made(), entry(2, open), entry(3, { type: 'close' }, { at: START + 32 })] },
      }),
    ).toEqual([])
  })

  it('R10.3 accepts an answer of "unchanged" that is repeated, also after the machine has moved on', () => {
    const again = { kind: 'replayed', instance: DOOR, version: 1, unchanged: true } as const
    expect(
      messages(
        history([
          { type: 'close', key: 'k', outcome: { kind: 'unchanged', version: 1 } },
          { ...open, outcome: applied(2) },
          { type: 'close', key: 'k', outcome: again },
        ]),
      ),
    ).toEqual([])
  })

  it('R10.3 searches for a refusal without a version in its window of time, and not beyond', () => {
    const around = (calledAt: number, returnedAt: number) =>
      history([
        { ...open, outcome: applied(2) },
        { type: 'close', outcome: applied(3), calledAt: 40, returnedAt: 45 },
        { ...open, outcome: refused('ALREADY_OPEN'), calledAt, returnedAt },
      ])
    expect(messages(around(20, 30))).toEqual([])
    // Under way with the close: it may have come first.
    expect(messages(around(41, 90))).toEqual([])
    expect(messages(around(46, 90))).toEqual([
      expect.stringContaining('the machine does not say so at any version from 3 to 3'),
    ])
  })

  it.each([
    [
      'an answer that is older than what had been answered before',
      history([
        { ...open, outcome: applied(2) },
        { ...open, outcome: refused('KEY_NOT_THERE', 1) },
      ]),
      /order: was told "KEY_NOT_THERE" as of version 1, but version 2 had been answered before/,
    ],
    [
      'a refusal that the machine does not give',
      history([{ ...open, outcome: refused('BRICKED', 1) }]),
      /answer: open was answered "BRICKED" at version 1; the machine says "applied"/,
    ],
    [
      'one version answered to two',
      history([
        { ...open, outcome: applied(2) },
        { ...open, outcome: applied(2) },
      ]),
      /order: version 2 was answered to two callers/,
    ],
    [
      'a version that nothing explains',
      history([{ ...open, outcome: applied(3) }]),
      /history: version 2 is missing: no answer, no timer and no call without an answer explains it/,
    ],
    [
      'an order that does not fit with the clock',
      history([
        { ...open, outcome: applied(3) },
        { type: 'take.key', who: 'bob', outcome: applied(2), calledAt: 50, returnedAt: 55 },
      ]),
      /order: version \d .* was answered before the call that made it, or an earlier version, had begun/,
    ],
    [
      'an If-Match that was not looked at',
      history([
        { ...open, outcome: applied(2) },
        { type: 'close', ifVersion: 1, outcome: applied(3) },
      ]),
      /was for version 1 only, but made version 3/,
    ],
    [
      'a key that was used twice',
      history([
        { type: 'take.key', who: 'bob', key: 'k', outcome: applied(2) },
        { type: 'return.key', outcome: applied(3) },
        { type: 'take.key', who: 'bob', key: 'k', outcome: applied(4) },
      ]),
      /key: "k" was applied more than once, as versions 2 and 4/,
    ],
    [
      'a repetition that was decided anew',
      history([
        { type: 'take.key', who: 'bob', key: 'k', outcome: applied(2) },
        { type: 'take.key', who: 'bob', key: 'k', outcome: refused('KEY_NOT_THERE', 2) },
      ]),
      /key: "k" had been applied, but its repetition was decided again/,
    ],
    [
      'an answer given again that was never given',
      history([
        { type: 'close', outcome: { kind: 'unchanged', version: 1 } },
        {
          type: 'close',
          key: 'k',
          outcome: { kind: 'replayed', instance: DOOR, version: 1, unchanged: true },
        },
      ]),
      /key: "k" was answered again with "unchanged" at version 1, which no caller with this key had been told/,
    ],
  ])('R10.3 reports %s', (_what, given, message) => {
    expect(messages(given)).toContainEqual(expect.stringMatching(message))
  })

  it('R10.3 reports a claim that two hold at once, and a refusal for one that nobody can have held', () => {
    const both = history([
      {
        type: 'xstate.init',
        kind: 'create',
        owner: 'eve',
        closeMs: 1_000,
        instance: 'door-2',
        outcome: applied(1),
      },
      { type: 'take.key', who: 'bob', outcome: applied(2) },
      { type: 'take.key', who: 'bob', instance: 'door-2', outcome: applied(2) },
      { type: 'open', who: 'bob', instance: 'door-2', outcome: applied(3) },
    ])
    expect(messages(both)).toEqual([
      'claim: "key:bob" was held by door-1 (from version 2) and by door-2 (from version 2) at once',
    ])
    const nobody = history([{ type: 'take.key', who: 'bob', outcome: refused('HAS_ANOTHER_KEY', 1) }])
    expect(messages(nobody)).toEqual([expect.stringContaining('the machine says "applied"')])
  })

  it('R10.3 finds what an unanswered operation and a timer did if only versions show it', () => {
    const quick = history([
      { ...open, outcome: { kind: 'unknown', error: 'no answer' }, returnedAt: null },
      { type: 'take.key', who: 'bob', outcome: applied(3) },
    ])
    expect(messages(quick)).toEqual([])
    const input = { kind: 'create' as const, owner: 'eve', closeMs: 5, instance: 'door-2' }
    const byItself = history([
      { type: 'xstate.init', ...input, outcome: applied(1) },
      { type: 'open', who: 'bob', instance: 'door-2', outcome: applied(2) },
      { type: 'open', who: 'bob', instance: 'door-2', calledAt: 90, returnedAt: 95, outcome: applied(4) },
    ])
    expect(messages(byItself)).toEqual([])
  })

  describe('given a journal', () => {
    const with2 = (...journal: JournalEntry[]) =>
      history([{ ...open, outcome: applied(2) }], { journals: { [DOOR]: journal } })

    it.each([
      ['a missing version', with2(made(), entry(3, open)), 'history: version 2 is missing in the journal'],
      ['a doubled version', with2(made(), made()), 'history: version 1 is doubled in the journal'],
      [
        'a version that was answered and is not there',
        with2(made()),
        'history: version 2 was answered, but is not in the journal',
      ],
      [
        'a transition that the machine does not make',
        with2(made(), entry(2, open), entry(3, open)),
        'machine: version 3 (open) was applied, but the machine does not handle it in "open"',
      ],
      [
        'a stamp that goes back',
        with2(made(), entry(2, open, { at: START - 50 })),
        'time: version 2 (open) is stamped 52 ms before the version before it',
      ],
      [
        'a timer that was not armed',
        with2(
          made(),
          entry(2, open),
          entry(
            3,
            { type: 'xstate.after.closing.door.open' },
            { actor: { id: 'timer', role: 'system', sendId: 'another' } },
          ),
        ),
        'machine: version 3 (xstate.after.closing.door.open): the timer "another" was not armed',
      ],
      [
        'a transition that nobody caused',
        with2(made(), entry(2, open), entry(3, { type: 'close' })),
        'history: version 3 (close) was not caused by any call',
      ],
      [
        'a status that is not the machine’s',
        with2(made(), entry(2, open, { status: 'ajar' })),
        'machine: version 2 (open) is journaled as "ajar", but the machine is then "open"',
      ],
    ])('R10.3 reports %s', (_what, given, message) => {
      expect(messages(given)).toContainEqual(expect.stringContaining(message))
    })
  })

  it('R10.3 refuses what it cannot judge, and says what it expected', () => {
    const good = history([{ ...open, outcome: applied(2) }])
    expect(parseHistory(JSON.stringify(good))).toEqual(good)
    expect(() => parseHistory('{')).toThrow(/not JSON/)
    expect(() => parseHistory({})).toThrow(/Expected a "format" of "loadcast-history"/)
    expect(() => parseHistory({ ...good, version: 2 })).toThrow(
      /version 2 of the format; this kit reads version 1/,
    )
    expect(() => parseHistory({ ...good, operations: [{ id: 1 }] })).toThrow(/operations\.0\.kind/)
    expect(() => check({ ...good, definitionVersion: 2 }, definition)).toThrow(HistoryError)
    expect(() => check({ ...good, machine: 'window' }, definition)).toThrow(
      /"window", not version 1 of "door"/,
    )
    const silent = {
      ...good,
      operations: good.operations.map(o => ({ ...o, outcome: { kind: 'unknown', error: '' } as const })),
    }
    expect(() => check(silent, definition)).toThrow(/This history has no answers/)
  })
})

describe('a history of 100,000 operations', () => {
  /** Doors that open and close, each asked 200 times; every third question is refused, with or without a version. */
  function long(): History {
    const operations: Operation[] = []
    const journals: Record<string, JournalEntry[]> = {}
    let time = 0
    for (let d = 0; d < 500; d++) {
      const id = `door-${d}`
      const journal: JournalEntry[] = []
      journals[id] = journal
      const ask = (
        event: { type: string } & Record<string, unknown>,
        outcome: OperationOutcome,
        kind: 'create' | 'send' = 'send',
      ) => {
        time += 1
        operations.push({
          id: operations.length,
          kind,
          instance: id,
          event,
          calledAt: time,
          returnedAt: time + 3,
          outcome,
        })
        if (outcome.kind !== 'applied') return
        const at = START + time + 1
        const uid = `uid ${operations.length}`
        const { type, ...input } = event
        const journaled =
          kind === 'create' ? { type, at, uid, input: { ...input, at, uid } } : { ...event, at, uid }
        const status = type === 'open' ? 'open' : 'closed'
        journal.push({
          version: journal.length + 1,
          uid,
          event: journaled,
          status,
          actor: { id: 'x', role: 'caller' },
          at,
        })
      }
      ask({ type: 'xstate.init', owner: 'ann', closeMs: 600_000 }, applied(1), 'create')
      while (operations.length < (d + 1) * 200) {
        const version = journal.length
        ask({ type: 'open', who: 'bob' }, applied(version + 1))
        ask(
          { type: 'open', who: 'eve' },
          refused('ALREADY_OPEN', version % 4 === 1 ? undefined : version + 1),
        )
        ask({ type: 'close' }, applied(version + 2))
      }
    }
    return { ...history([]), operations, journals }
  }

  it('R10.3 is judged in less than five seconds of processor time', () => {
    const given = long()
    expect(given.operations.length).toBeGreaterThanOrEqual(100_000)
    const before = process.cpuUsage()
    const { violations, transitions } = check(given, definition)
    const { user, system } = process.cpuUsage(before)
    expect(violations).toEqual([])
    expect(transitions).toBeGreaterThan(60_000)
    process.stdout.write(
      `100,000 operations judged in ${((user + system) / 1e6).toFixed(2)} s of processor time\n`,
    )
    // Processor time, not the clock's: it stays true on a machine that does other things meanwhile.
    expect((user + system) / 1e6).toBeLessThan(scaledProcessorSeconds(5))
  })

  it('R10.3 shows the one wrong answer in it', () => {
    const given = long()
    const { operations } = given
    const victim = operations.findIndex((o, i) => i > 54_321 && o.outcome.kind === 'refused')
    const wrong = operations.map((o, i) => (i === victim ? { ...o, outcome: refused('BRICKED') } : o))
    const { violations } = check({ ...given, operations: wrong }, definition)
    expect(violations).toMatchObject([{ rule: 'answer', operations: [victim] }])
  })
})
