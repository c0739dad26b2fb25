/* One of the processes of B3. */
import { openEngine, sendAccept } from '../engine.js'
import { serveOrders } from '../worker.js'
import { fireCrowd, type Order } from './crowd.js'

const { engine, close } = await openEngine(process.argv[2] ?? '')

serveOrders((order: Order) => fireCrowd((id, name) => sendAccept(engine, id, name), order), close)
