/* Every emitted event must be delivered at least once, under its one id, and nothing else may be delivered. */
import { isDeepStrictEqual } from 'node:util'
import type { Delivery } from '../history.js'
import type { Line } from './line.js'
import type { Violation } from './violation.js'

const nameOf = ({ instance, version, index }: Delivery) => `${instance} ${version}.${index}`

export function checkDeliveries(lines: readonly Line[], deliveries: readonly Delivery[]): Violation[] {
  const violations: Violation[] = []
  const emitted = new Map(lines.flatMap(line => line.emitted.map(event => [nameOf(event), event] as const)))
  const told = new Set<string>()
  for (const delivery of deliveries) {
    const name = nameOf(delivery)
    const event = emitted.get(name)
    const { instance, type, version, index } = delivery
    if (event === undefined) {
      const message = `"${type}" was delivered as ${version}.${index}, which was never emitted`
      if (!told.has(name)) violations.push({ rule: 'delivery', message, instance })
    } else if (event.type !== type || !isEqual(event.payload, delivery.payload)) {
      violations.push({
        rule: 'delivery',
        message: `${version}.${index} was delivered as another event`,
        instance,
      })
    }
    told.add(name)
  }
  for (const [name, { type, version, index, instance }] of emitted) {
    if (told.has(name)) continue
    violations.push({
      rule: 'delivery',
      message: `"${type}" (${version}.${index}) was not delivered`,
      instance,
    })
  }
  return violations
}

/** Compares values as JSON stores them: members that are `undefined` do not exist. */
function isEqual(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b) || isDeepStrictEqual(JSON.parse(JSON.stringify(a)), b)
}
