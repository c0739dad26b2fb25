import { describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/adapters/telemetry/log.js'

/** A log, and what it has written. */
function record() {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLog({ level: 'info', version: '1.2.3', instanceId: 'i-1', destination })
  return { log, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '{}') }
}

const PLACE = { lat: 28.6139, lng: 77.209 }
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjMSJ9.c2lnbmF0dXJl'

describe('R9.5 the log', () => {
  test('names the process and the release of each line, as JSON', () => {
    const { log, last } = record()
    log.info({ requestId: 'r-1' }, 'answered')
    expect(last()).toMatchObject({
      version: '1.2.3',
      instanceId: 'i-1',
      requestId: 'r-1',
      msg: 'answered',
      level: 30,
    })
  })

  test.each([
    ['a field', { token: TOKEN }],
    ['a field deep inside', { request: { headers: { Authorization: `Bearer ${TOKEN}` } } }],
    ['a text', { reason: `refused ${TOKEN}` }],
    ['a list', { tried: ['a', { refreshToken: TOKEN }] }],
    ['an address with a password', { url: `postgres://user:${TOKEN}@db:5432/x` }],
    ['an error’s message', { err: new Error(`connect rediss://:${TOKEN}@cache:6379 failed`) }],
    ['an error’s cause', { err: new Error('x', { cause: new Error(`postgres://u:${TOKEN}@h/d`) }) }],
    [
      'what hangs on an error',
      { err: Object.assign(new Error('x'), { parameters: [TOKEN], detail: TOKEN }) },
    ],
    [
      'an error that is not called err',
      { failure: Object.assign(new Error('x'), { config: { token: TOKEN } }) },
    ],
  ])('has no secret: in %s', (_what, fields) => {
    const { log, text } = record()
    log.error(fields, 'said')
    expect(text()).toContain('said')
    expect(text()).not.toContain(TOKEN)
  })

  test.each([
    ['a position', { driver: PLACE }],
    ['a pickup', { broadcast: { pickup: PLACE } }],
    ['a place in a list', { drivers: [{ location: PLACE }] }],
    ['a value that the database could not store', { err: pgError('22P02', `invalid input: "${PLACE.lat}"`) }],
    ['a row that the database shows', { err: pgError('23505', 'duplicate key', `Key (lat)=(${PLACE.lat})`) }],
  ])('has no location of a user: in %s', (_what, fields) => {
    const { log, text } = record()
    log.warn(fields, 'said')
    expect(text()).toContain('said')
    expect(text()).not.toContain(String(PLACE.lat))
  })

  test('has no phone number', () => {
    const { log, text } = record()
    log.warn({ driver: { id: 'd1', phone: '+91 98765' } }, 'said')
    expect(text()).toContain('d1')
    expect(text()).not.toContain('98765')
  })

  test('has what an operator needs of an error', () => {
    const { log, last } = record()
    log.error({ err: pgError('23505', 'duplicate key value', 'Key (id)=(1)') }, 'fault')
    expect(last().err).toEqual({
      type: 'Error',
      message: 'duplicate key value',
      code: '23505',
      constraint: 'instances_pkey',
      stack: expect.stringContaining('log.test.ts'),
    })
  })

  test('does not hang on an object that contains itself', () => {
    const { log, text } = record()
    const loop: Record<string, unknown> = { name: 'loop' }
    loop.self = loop
    log.info({ loop }, 'said')
    expect(text()).toContain('said')
  })
})

function pgError(code: string, message: string, detail = '') {
  return Object.assign(new Error(message), { code, detail, where: detail, constraint: 'instances_pkey' })
}
