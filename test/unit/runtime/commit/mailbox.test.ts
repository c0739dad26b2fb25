import { describe, expect, it } from '@jest/globals'
import { Mailbox, type Pending } from '../../../../src/runtime/commit/mailbox.js'
import type { InstanceWrite } from '../../../../src/runtime/ports.js'

const command = (uid: string, { isUrgent = false, arrivedAt = 0 } = {}) =>
  ({ kind: 'command', uid, isUrgent, arrivedAt, attempts: 0 }) as unknown as Pending
const timer = (uid: string, arrivedAt = 0) =>
  ({ kind: 'timer', uid, arrivedAt, attempts: 0 }) as unknown as Pending
const uids = (pendings: readonly Pending[]) => pendings.map(p => p.uid)

function mailboxOf(burstLimit: number, ...pendings: Pending[]) {
  const mailbox = new Mailbox('id', burstLimit)
  for (const pending of pendings) mailbox.push(pending)
  return mailbox
}

describe('a mailbox', () => {
  it('returns urgent events first, and all others in order of arrival', () => {
    const mailbox = mailboxOf(
      10,
      command('a'),
      timer('b'),
      command('c', { isUrgent: true }),
      command('d'),
      command('e', { isUrgent: true }),
    )
    expect(uids(mailbox.take())).toEqual(['c', 'e', 'a', 'b', 'd'])
    expect(mailbox.length).toBe(0)
  })

  it('returns timers in the order in which they are due and were armed, each in the place of one', () => {
    const bell = (uid: string, dueAt: number, generation: number, ordinal: number) =>
      ({ kind: 'timer', uid, dueAt, ordinal, gate: { sendId: uid, generation } }) as unknown as Pending
    const bells = [bell('c', 100, 2, 0), bell('d', 100, 2, 1), bell('a', 50, 7, 0), bell('b', 100, 1, 3)]
    const [first, second, ...others] = bells as [Pending, Pending, ...Pending[]]
    const mailbox = mailboxOf(4, first, command('x'), second, command('y'), ...others)
    expect(uids(mailbox.take())).toEqual(['a', 'x', 'b', 'y'])
    expect(uids(mailbox.take())).toEqual(['c', 'd'])
  })

  it('drops queued timers that a commit has made void, and no later ones', () => {
    const bell = (uid: string, sendId: string, generation: number) =>
      ({ kind: 'timer', uid, dueAt: 1, gate: { sendId, generation } }) as unknown as Pending
    const armed = { instance: 'id', machine: 'chime', event: { type: 'ring' }, dueAt: 9, generation: 5 }
    const moved = (isFinished: boolean) =>
      mailboxOf(
        10,
        bell('gone', 'removed', 3),
        command('x'),
        bell('replaced', 'again', 2),
        bell('new', 'again', 5),
        bell('by another process', 'removed', 6),
        bell('kept', 'other', 1),
      ).hasMoved({
        row: { version: 5 },
        timersRemoved: ['removed'],
        timersSet: [{ ...armed, sendId: 'again' }],
        isFinished,
      } as unknown as InstanceWrite)
    expect(uids(moved(false))).toEqual(['gone', 'replaced'])
    expect(uids(moved(true))).toEqual(['gone', 'replaced', 'new', 'kept'])
  })

  it('returns no more than the burst limit at once', () => {
    const mailbox = mailboxOf(2, command('a'), command('b'), command('c'))
    expect(uids(mailbox.take())).toEqual(['a', 'b'])
    expect(uids(mailbox.take())).toEqual(['c'])
  })

  it('returns events that were put back before later ones, except urgent ones', () => {
    const mailbox = mailboxOf(10, command('a'), command('b'))
    const taken = mailbox.take()
    mailbox.push(command('c'))
    mailbox.push(command('u', { isUrgent: true }))
    mailbox.putBack(taken)
    expect(uids(mailbox.take())).toEqual(['u', 'a', 'b', 'c'])
  })

  it('gives up callers that have waited too long, and never a timer', () => {
    const mailbox = mailboxOf(
      10,
      command('old', { arrivedAt: 5 }),
      timer('timer', 1),
      command('new', { arrivedAt: 10 }),
      command('urgent and old', { arrivedAt: 6, isUrgent: true }),
    )
    expect(uids(mailbox.takeOlderThan(10))).toEqual(['old', 'urgent and old'])
    expect(uids(mailbox.takeOlderThan(10))).toEqual([])
    expect(uids(mailbox.take())).toEqual(['timer', 'new'])
  })

  it('is new while its first event creates the instance', () => {
    const create = { kind: 'create', uid: 'c', machine: 'door', arrivedAt: 0 } as unknown as Pending
    expect(mailboxOf(10, create)).toMatchObject({ isNew: true, firstMachine: 'door' })
    expect(mailboxOf(10, command('a'))).toMatchObject({ isNew: false, firstMachine: '' })
  })
})
