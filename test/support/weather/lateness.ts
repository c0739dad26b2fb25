import type { Query } from './run-once.js'

/** The largest delay of a timer that was due since `since`; 0 if there was none. */
export async function latestTimerMs(query: Query, since: Date): Promise<number> {
  const [row] = await query<{ ms: number | null }>(
    `select max(extract(epoch from e.recorded_at - e.at) * 1000)::float8 as ms
     from journal j join events e on e.instance = j.instance and e.version = j.version
     where j.event_json->>'type' like 'xstate.after%' and e.at >= $1`,
    [since],
  )
  return Math.max(0, row?.ms ?? 0)
}
