import type { Product } from './dispatch.js'

/** Has a timer of this request fired now: its time is up, however long it would have been. */
export async function timeIsUp(
  { engine, sql }: Pick<Product, 'engine' | 'sql'>,
  id: string,
  timer: 'broadcastTimeout' | 'cancelWindow' = 'broadcastTimeout',
): Promise<void> {
  const text = 'update timers set due_at = now() where instance = $1 and send_id like $2'
  const { rowCount } = await sql.query(text, [id, `%${timer}%`])
  if (rowCount !== 1) throw new Error(`${id} has no ${timer}`)
  await engine.ring(id)
}
