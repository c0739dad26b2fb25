import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHttpServer } from '../../../src/adapters/http/server.js'

/* Shortened time limits: the server must release slow requests, however little its client does. */

let asked = 0
const { server } = createHttpServer(
  {
    listener(req, res) {
      asked += 1
      // As a handler that waits for the body before it answers.
      req.resume().once('end', () => res.end('read'))
      req.once('error', () => {}) // it was cut off
    },
  },
  { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 },
)

beforeAll(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise<void>(resolve => void server.close(() => resolve())))

/** Sends a beginning and then nothing; answers all that came until the server ended it. */
async function begin(text: string): Promise<string> {
  const wire = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  wire.on('data', chunk => {
    answer += chunk
  })
  wire.write(text)
  await once(wire, 'close')
  return answer
}

describe('R9.5 a slow client', () => {
  test.each([
    ['opens a connection and says nothing', ''],
    ['sends its headers and never ends them', 'POST / HTTP/1.1\r\nhost: x\r\nx-slow: '],
  ])('%s: is disconnected before any handler runs', async (_what, text) => {
    const before = asked
    const answer = await begin(text)
    expect(answer).toMatch(text === '' ? /^$|^HTTP\/1.1 408 / : /^HTTP\/1.1 408 /)
    expect(asked).toBe(before)
  })

  test('sends half a body: 408, with a problem', async () => {
    const answer = await begin('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf')
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('application/problem+json')
    expect(answer).toContain('"code":"VALIDATION_FAILED"')
  })

  test('but fast enough: answered', async () => {
    expect(
      await begin('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'),
    ).toContain('read')
  })

  test('sends headers beyond the bound: 431', async () => {
    const answer = await begin(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'a'.repeat(20_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
  })
})
