import { playCustomer } from './actors/customer.js'
import { playDriver } from './actors/driver.js'
import { playTransporter } from './actors/transporter.js'
import { inParallel, type Stage } from './stage.js'

/** Sign-ups at a time: fast, and no more than a server has patience for. */
const ARRIVALS = 24

/** Everyone signs in and connects. Resolves to what the customers do next; the others react. */
export async function arrive(stage: Stage): Promise<readonly (() => Promise<void>)[]> {
  const { transporters, customers } = stage.world
  // Drivers agree to an invitation, so it comes first.
  await inParallel(transporters, ARRIVALS, transporter => playTransporter(transporter, stage))
  const drivers = transporters.flatMap(transporter => transporter.drivers)
  await inParallel(drivers, ARRIVALS, driver => playDriver(driver, stage))
  const acts: (() => Promise<void>)[] = []
  await inParallel(customers, ARRIVALS, async customer => {
    acts.push(await playCustomer(customer, stage))
  })
  return acts
}
