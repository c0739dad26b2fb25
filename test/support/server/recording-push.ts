import type { PushMessage, PushResult, PushSender } from '../../../src/dispatch/ports.js'

export interface RecordingPush extends PushSender {
  readonly batches: (readonly PushMessage[])[]
  /** All sent messages, in order. */
  messages(): readonly PushMessage[]
  /** The result of messages from now on. Unless a test sets it, they are sent. */
  answer: (message: PushMessage) => PushResult
  /** The pause that the service asks of the project, in milliseconds. */
  pauseMs: number | undefined
  /** If true, signing in fails. */
  isLockedOut: boolean
  /** Stops sending until the returned function is called. */
  hold(): () => void
}

/** Records the messages it is given. The real sender is tested against a server in fcm.test.ts. */
export function recordingPush(): RecordingPush {
  const batches: (readonly PushMessage[])[] = []
  let isLetGo: Promise<void> | undefined
  const push: RecordingPush = {
    batches,
    messages: () => batches.flat(),
    answer: () => ({ kind: 'sent' }),
    pauseMs: undefined,
    isLockedOut: false,
    maxBatch: 500,
    hold() {
      let letGo = () => {}
      isLetGo = new Promise(resolve => {
        letGo = resolve
      })
      return letGo
    },
    async prepare() {
      await isLetGo
      if (push.isLockedOut) throw new Error('no token')
    },
    async send(messages) {
      batches.push(messages)
      const results = messages.map(message => push.answer(message))
      return push.pauseMs === undefined ? { results } : { results, pauseMs: push.pauseMs }
    },
    async close() {},
  }
  return push
}
