import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { createFcm } from '../../../src/adapters/push/fcm.js'
import type { PushMessage, PushSender } from '../../../src/dispatch/ports.js'
import { type FcmServer, fcmError, startFcmServer } from '../../support/server/fcm-server.js'
import { makeServiceAccount } from '../../support/server/service-account.js'

let server: FcmServer
let fcm: PushSender
const given = makeServiceAccount()
const account = {
  projectId: given.project_id ?? '',
  clientEmail: given.client_email ?? '',
  privateKey: given.private_key ?? '',
}

beforeAll(async () => {
  server = await startFcmServer()
  fcm = createFcm({ account, agent: server.agent })
})
afterAll(async () => {
  // Its agent is the server's, and that of all who are made here.
  await fcm.close()
  await server.close()
})
beforeEach(() => {
  server.reply = () => 'sent'
  server.signInStatus = 200
  server.forget()
})

const ID = '019a8c5e-7b1f-7c3d-9e2a-4f6b8d0c1e2f'
const message = (token: string, more: Partial<PushMessage> = {}): PushMessage => ({
  token,
  platform: 'android',
  title: 'New trip assigned',
  data: { id: `${ID}:2:0:0`, type: 'trip_assigned' },
  lifeMs: 90_500,
  ...more,
})

describe('FCM', () => {
  it('R8.1 is used with one sign-in of the service account and one request for each message of a batch', async () => {
    await fcm.prepare()
    const before = server.signIns()
    const batch = Array.from({ length: 500 }, (_, n) => message(`device-${n}`))
    const { results, pauseMs } = await fcm.send(batch)
    expect([results.length, results.every(({ kind }) => kind === 'sent'), pauseMs]).toEqual([
      500,
      true,
      undefined,
    ])
    expect(new Set(server.asked.map(one => one.message.token)).size).toBe(500)
    expect(new Set(server.asked.map(one => one.path))).toEqual(new Set(['/v1/projects/a-test/messages:send']))
    expect(new Set(server.asked.map(one => one.authorization))).toEqual(new Set(['Bearer token-1']))
    expect([before, server.signIns()]).toEqual([1, 1])
  })

  it('R8.1 gets an offer with its remaining lifetime and without a collapse key', async () => {
    await fcm.send([message('a', { title: 'New request for a truck' })])
    const [asked] = server.asked
    expect(asked?.message).toEqual({
      token: 'a',
      data: { id: `${ID}:2:0:0`, type: 'trip_assigned' },
      android: { priority: 'high', ttl: '90s' },
      apns: {
        headers: {
          'apns-priority': '10',
          'apns-push-type': 'alert',
          'apns-expiration': expect.stringMatching(/^\d{10}$/),
        },
        payload: { aps: { alert: { title: 'New request for a truck' }, sound: 'default' } },
      },
      webpush: { headers: { TTL: '90', Urgency: 'high' } },
    })
    const expiration = Number(asked?.message.apns.headers['apns-expiration'])
    expect(expiration).toBeLessThanOrEqual(Date.now() / 1000 + 90)
    expect(expiration).toBeGreaterThan(Date.now() / 1000)
  })

  it('R8.1 gets news with collapse keys, in the format of each platform', async () => {
    await fcm.send([message('a', { collapseKey: ID, lifeMs: 1_900 })])
    expect(server.asked[0]?.message).toMatchObject({
      android: { collapse_key: ID, ttl: '1s' },
      apns: { headers: { 'apns-collapse-id': ID } },
      webpush: { headers: { TTL: '1', Topic: ID.replaceAll('-', '') } },
    })
  })

  it('R8.1 answers for each message, and each answer has the right effect', async () => {
    const answers: Record<string, ReturnType<typeof fcmError>> = {
      sent: 'sent',
      gone: fcmError(404, 'NOT_FOUND', 'UNREGISTERED'),
      'no-project': fcmError(404, 'NOT_FOUND'),
      bad: fcmError(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'),
      'never-a-token': {
        status: 400,
        body: JSON.stringify({
          error: {
            code: 400,
            status: 'INVALID_ARGUMENT',
            details: [
              { fieldViolations: [{ field: 'message.token', description: 'Invalid registration token' }] },
            ],
          },
        }),
      },
      'of-another-project': fcmError(403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH'),
      locked: fcmError(403, 'PERMISSION_DENIED'),
      quota: fcmError(429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED'),
      broken: fcmError(500, 'INTERNAL', 'INTERNAL'),
      away: fcmError(503, 'UNAVAILABLE', 'UNAVAILABLE'),
      proxy: { status: 502, body: '<html>Bad gateway</html>' },
      cut: 'cut',
      slow: 'hang',
    }
    server.reply = ({ message: { token } }) => answers[token] ?? 'sent'
    const tokens = Object.keys(answers)
    // As long as a loaded machine may take for the others.
    const impatient = createFcm({ account, agent: server.agent, timeoutMs: 4_000 })
    const { results, pauseMs } = await impatient.send(tokens.map(token => message(token)))
    const byToken = Object.fromEntries(tokens.map((token, i) => [token, results[i]]))
    expect(byToken).toEqual({
      sent: { kind: 'sent' },
      gone: { kind: 'unregistered' },
      'no-project': { kind: 'failed', error: 'FCM answered 404 NOT_FOUND: It is NOT_FOUND' },
      bad: { kind: 'refused', error: 'FCM answered 400 INVALID_ARGUMENT: It is INVALID_ARGUMENT' },
      'never-a-token': { kind: 'unregistered' },
      'of-another-project': {
        kind: 'refused',
        error: 'FCM answered 403 SENDER_ID_MISMATCH: It is PERMISSION_DENIED',
      },
      locked: { kind: 'failed', error: 'FCM answered 403 PERMISSION_DENIED: It is PERMISSION_DENIED' },
      quota: {
        kind: 'failed',
        error: 'FCM answered 429 QUOTA_EXCEEDED: It is RESOURCE_EXHAUSTED',
        notBeforeMs: 60_000,
      },
      broken: { kind: 'failed', error: 'FCM answered 500 INTERNAL: It is INTERNAL' },
      away: { kind: 'failed', error: 'FCM answered 503 UNAVAILABLE: It is UNAVAILABLE' },
      proxy: { kind: 'failed', error: 'FCM answered 502 no code: <html>Bad gateway</html>' },
      cut: { kind: 'failed', error: expect.stringContaining('Error while making request') },
      slow: { kind: 'failed', error: expect.stringContaining('timeout') },
    })
    expect(pauseMs).toBeUndefined()
    // The library would have retried after a 503, a cut and a timeout, four times each.
    expect(server.asked.map(one => one.message.token).sort()).toEqual(tokens.sort())
  })

  it.each([
    [429, 'QUOTA_EXCEEDED', '17', 17_000],
    [503, 'UNAVAILABLE', '120', 120_000],
  ])(
    'R8.1 answering %d %s with Retry-After %s pauses all messages, and retries none itself',
    async (status, code, header, ms) => {
      server.reply = () => fcmError(status, code, code, { 'retry-after': header })
      const { results, pauseMs } = await fcm.send([message('a')])
      expect(results).toEqual([{ kind: 'failed', error: expect.stringContaining(code), notBeforeMs: ms }])
      expect(pauseMs).toBe(ms)
      expect(server.asked).toHaveLength(1)
    },
  )

  it('R8.1 does not get messages whose offer ended while they waited', async () => {
    const { results } = await fcm.send([message('a', { lifeMs: 0 }), message('b')])
    expect(results).toEqual([
      { kind: 'failed', error: 'No connection to FCM became free in time' },
      { kind: 'sent' },
    ])
    expect(server.asked.map(one => one.message.token)).toEqual(['b'])
  })

  it('R8.1 without a successful sign-in is not ready, and gets no message', async () => {
    const other = createFcm({ account, agent: server.agent })
    server.signInStatus = 401
    await expect(other.prepare()).rejects.toThrow()
    expect(server.asked).toEqual([])
    server.signInStatus = 200
    await other.prepare()
    expect((await other.send([message('a')])).results).toEqual([{ kind: 'sent' }])
  })
})
