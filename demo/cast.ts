import { playCustomer } from './actors/customer.js'
import { playDriver } from './actors/driver.js'
import { playTransporter } from './actors/transporter.js'
import { inParallel, type Stage } from './stage.js'

/** Concurrent sign-ups: fast, and within the server's limits. */
const ARRIVALS = 24

/** Signs everyone in and connects them. Resolves with what the customers do next; the others react to events. */
export async function arrive(stage: Stage): Promise<readonly (() => Promise<void>)[]> {
  const { transporters, customers } = stage.world
  // Transporters come first, because drivers accept their invitations.
  await inParallel(transporters, ARRIVALS, transporter => playTransporter(transporter, stage))
  const drivers = transporters.flatMap(transporter => transporter.drivers)
  await inParallel(drivers, ARRIVALS, driver => playDriver(driver, stage))
  const acts: (() => Promise<void>)[] = []
  await inParallel(customers, ARRIVALS, async customer => {
    acts.push(await playCustomer(customer, stage))
  })
  return acts
}
