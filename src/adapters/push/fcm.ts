/*
 * Sends push messages through FCM with firebase-admin. Its retries are off: our queue retries, knows when an offer has
 * ended, and survives the process. Only the library's HTTP/1.1 transport can be redirected to a test server, so it is
 * the one in use.
 */
import { Agent } from 'node:https'
import { type App, deleteApp, initializeApp } from 'firebase-admin/app'
import { getMessaging, type Messaging, type SendResponse } from 'firebase-admin/messaging'
import { v7 as uuidv7 } from 'uuid'
import { createSemaphore } from '../../concurrency/semaphore.js'
import type { PushResult, PushSender } from '../../dispatch/ports.js'
import { type FcmVerdict, type HttpAnswer, judgeAnswer } from './fcm-answer.js'
import { fcmMessage } from './fcm-message.js'
import { createCredential, type ServiceAccountKey } from './service-account.js'

export interface FcmOptions {
  readonly account: ServiceAccountKey
  /** Redirects requests to FCM, for tests. */
  readonly agent?: Agent
  /** Time limit of a message, for tests. */
  readonly timeoutMs?: number
}

/** The limit of `sendEach`. */
const MAX_BATCH = 500
/** Connections to FCM, each for one message at a time. At 100 ms a message they send 1,000 a second. */
const MAX_CONNECTIONS = 100
/** FCM's 99th percentile is below a second. */
const TIMEOUT_MS = 10_000
/**
 * A message that waited this long for a connection goes back to the queue, which checks again whether its offer has
 * ended. Together with the timeout it must be shorter than the lease of a batch (30 s), or two processes send the same
 * message.
 */
const BEGIN_WITHIN_MS = 10_000

export function createFcm({ account, agent = keptAlive(), timeoutMs = TIMEOUT_MS }: FcmOptions): PushSender {
  const credential = createCredential(account, agent)
  // A unique name, because a process may have several senders.
  const app = initializeApp({ credential, projectId: account.projectId, httpAgent: agent }, uuidv7())
  const messaging = getMessaging(app)
  messaging.enableLegacyHttpTransport()
  judgeAnswersOf(messaging, timeoutMs)
  return {
    maxBatch: MAX_BATCH,
    async prepare() {
      // Fetches and keeps the token, so that sending does not wait for it.
      await credential.getAccessToken()
    },
    async send(messages) {
      const { responses } = await messaging.sendEach(messages.map(message => fcmMessage(message)))
      const verdicts = responses.map(verdictOf)
      const pauses = verdicts.flatMap(({ pauseMs }) => pauseMs ?? [])
      return {
        results: verdicts.map(({ result }) => result),
        ...(pauses.length === 0 ? {} : { pauseMs: Math.max(...pauses) }),
      }
    },
    close: () => close(app, agent),
  }
}

const keptAlive = () => new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS })

async function close(app: App, agent: Agent): Promise<void> {
  await deleteApp(app)
  agent.destroy()
}

/** Carries our verdict through the library, which passes unknown errors on. */
class RefusedByFcm extends Error {
  readonly verdict: FcmVerdict

  constructor(verdict: FcmVerdict) {
    super('FCM did not take the message')
    this.verdict = verdict
  }
}

function verdictOf({ success, error }: SendResponse): FcmVerdict {
  if (success) return { result: { kind: 'sent' } }
  const thrown: unknown = error
  if (thrown instanceof RefusedByFcm) return thrown.verdict
  return {
    result: { kind: 'failed', error: String(error?.message ?? 'no reason given') } satisfies PushResult,
  }
}

interface SendRequest {
  readonly timeout?: number
  readonly data: { readonly message: { readonly apns: { readonly headers: Record<string, string> } } }
}

interface HttpClient {
  retry?: unknown
  send(request: SendRequest): Promise<HttpAnswer>
}

/** When the message expires, in milliseconds; at most one second early. */
const endOf = ({ data }: SendRequest) => Number(data.message.apns.headers['apns-expiration']) * 1000

/**
 * Turns off the library's retries (up to five, a minute apart, even for expired messages) and reads `Retry-After`,
 * which the library drops. Its HTTP client is private. If an upgrade changes it, the start fails instead of the old
 * behaviour returning.
 */
function judgeAnswersOf(messaging: Messaging, timeoutMs: number): void {
  const { messagingRequestHandler: handler } = messaging as unknown as {
    messagingRequestHandler?: { httpClient?: HttpClient }
  }
  const client = handler?.httpClient
  if (client?.retry === undefined || typeof client.send !== 'function') {
    throw new Error(
      'This version of firebase-admin has a different HTTP client: see src/adapters/push/fcm.ts',
    )
  }
  client.retry = undefined
  const send = client.send.bind(client)
  const withPermit = createSemaphore(MAX_CONNECTIONS)
  client.send = request => {
    const beginBefore = Math.min(Date.now() + BEGIN_WITHIN_MS, endOf(request))
    return withPermit(async () => {
      if (Date.now() > beginBefore) throw new Error('No connection to FCM became free in time')
      try {
        return await send({ ...request, timeout: timeoutMs })
      } catch (error) {
        const { response } = error as { response?: HttpAnswer }
        if (response === undefined) throw error
        throw new RefusedByFcm(judgeAnswer(response, Date.now()))
      }
    })
  }
}
