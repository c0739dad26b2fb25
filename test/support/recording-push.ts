import type { PushMessage, PushResult, PushSender } from '../../src/dispatch/ports.js'

export interface RecordingPush extends PushSender {
  readonly batches: (readonly PushMessage[])[]
  /** All that was sent, in order. */
  messages(): readonly PushMessage[]
  /** What becomes of messages from now on: sent, unless a test says otherwise. */
  answer: (message: PushMessage) => PushResult
  /** The project is told to wait for so long. */
  pauseMs: number | undefined
  /** Signing in fails. */
  isLockedOut: boolean
  /** From now on nothing is sent, until the function that it answers is called. */
  hold(): () => void
}

/** Remembers what it was given to send. The real thing is tested against a server: see fcm.test.ts. */
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
