/*
 * Push by FCM, through firebase-admin. Its retries are turned off: our queue has its own, which know when an offer has
 * ended, and which outlive the process. Over HTTP/1.1 with connections that are kept: it is the one of the
 * library's two ways that can be led to another host, so what is tested is what runs.
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
  /** For tests: leads FCM's hosts elsewhere. */
  readonly agent?: Agent
  /** For tests: shorter than the 10 s of a message. */
  readonly timeoutMs?: number
}

/** `sendEach` takes no more. */
const MAX_BATCH = 500
/** Connections to FCM's host; each takes one message at a time. At 100 ms a message they are 1,000 a second. */
const MAX_CONNECTIONS = 100
/** FCM's 99th percentile is below a second. */
const TIMEOUT_MS = 10_000
/**
 * What has not had its turn by then is given back to the queue, which looks again whether it has ended. With the
 * timeout it is less than the lease of a batch (30 s).
 */
const BEGIN_WITHIN_MS = 10_000

export function createFcm({ account, agent = keptAlive(), timeoutMs = TIMEOUT_MS }: FcmOptions): PushSender {
  const credential = createCredential(account, agent)
  // A name of its own: there may be several in one process.
  const app = initializeApp({ credential, projectId: account.projectId, httpAgent: agent }, uuidv7())
  const messaging = getMessaging(app)
  messaging.enableLegacyHttpTransport()
  judgeAnswersOf(messaging, timeoutMs)
  return {
    maxBatch: MAX_BATCH,
    async prepare() {
      // Kept, and renewed in time: what is sent next finds it there.
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

/** Carries the verdict through the library, which passes on what it does not know. */
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

/** To the second, at most one early. */
const endOf = ({ data }: SendRequest) => Number(data.message.apns.headers['apns-expiration']) * 1000

/**
 * The library would send a message up to five times, a minute apart, whatever it is worth by then; and what it tells of
 * an answer lacks `Retry-After`. Its HTTP client is not public: one that has changed stops the start, so that an
 * upgrade cannot bring either back unseen.
 */
function judgeAnswersOf(messaging: Messaging, timeoutMs: number): void {
  const { messagingRequestHandler: handler } = messaging as unknown as {
    messagingRequestHandler?: { httpClient?: HttpClient }
  }
  const client = handler?.httpClient
  if (client?.retry === undefined || typeof client.send !== 'function') {
    throw new Error('This version of firebase-admin is built differently: see src/adapters/push/fcm.ts')
  }
  client.retry = undefined
  const send = client.send.bind(client)
  const withPermit = createSemaphore(MAX_CONNECTIONS)
  client.send = request => {
    const beginBefore = Math.min(Date.now() + BEGIN_WITHIN_MS, endOf(request))
    return withPermit(async () => {
      if (Date.now() > beginBefore) throw new Error('It was not its turn in time')
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
