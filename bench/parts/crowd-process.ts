/* One of the processes of B3: says when it is ready, fires a crowd when it is told to, ends when its parent lets it go. */
import { openEngine, sendAccept } from '../engine.js'
import { fireCrowd, type Order } from './crowd.js'

const { engine, close } = await openEngine(process.argv[2] ?? '')

process.on('message', async (order: Order) => {
  process.send?.(await fireCrowd((id, name) => sendAccept(engine, id, name), order))
})
process.once('disconnect', close)
process.send?.('ready')
