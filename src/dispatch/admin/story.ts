/* What happened to a request, in order. Support looks here first. */
import type { Caller } from '../person.js'
import type { AdminStore, StoryRecord } from '../ports.js'
import { ok, problem, type Result } from '../problems.js'
import type { StoryView } from '../views/admin-views.js'
import { isoTime } from '../views/trip-view.js'

export async function tellStory(
  { admin }: { readonly admin: AdminStore },
  _caller: Caller,
  id: string,
): Promise<Result<StoryView>> {
  const records = await admin.findStory(id)
  // A request that exists has a first transition.
  if (!records.some(({ what }) => what === 'transition') || !(await admin.isBroadcast(id))) {
    return problem('NOT_FOUND')
  }
  return ok({ id, items: records.map(itemView) })
}

function itemView({ at, what, who, version, detail }: StoryRecord): StoryView['items'][number] {
  return {
    ...(at === null ? {} : { at: isoTime(at) }),
    what,
    ...(who === null ? {} : { who }),
    ...(version === null ? {} : { version }),
    detail,
  }
}
