import type { Created } from '../../dispatch/answers.js'
import { etagOf } from './conditional.js'
import type { Reply } from './reply.js'

/** 201 for a new request, 200 when the same request existed already. */
export function replyCreated({ broadcast, isNew }: Created): Reply {
  return {
    status: isNew ? 201 : 200,
    headers: { location: `/api/v1/broadcasts/${broadcast.id}`, etag: etagOf(broadcast.version) },
    body: broadcast,
  }
}
