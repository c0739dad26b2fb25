/*
 * Zod schemas as JSON Schema 2020-12, which OpenAPI 3.1 speaks. What has an id (`.meta({ id })`) becomes a component,
 * under one name wherever it is used.
 */
import { z } from 'zod'

export type JsonSchema = Readonly<Record<string, unknown>>

export class Components {
  readonly #schemas = new Map<string, JsonSchema>()

  /** `io`: what clients send, where defaults make fields optional, or what they receive. */
  refer(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    // Wrapped, because a root is never referred to by its id.
    const { properties, $defs } = z.toJSONSchema(z.object({ wrapped: schema }), { io, override: simplify })
    for (const [id, definition] of Object.entries($defs ?? {})) this.add(id, pointToComponents(definition))
    return pointToComponents((properties as { wrapped: JsonSchema }).wrapped)
  }

  /** Throws when two different schemas have the same id: that is a bug. */
  add(id: string, { id: _, ...schema }: JsonSchema): void {
    const known = this.#schemas.get(id)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`Two schemas have the id ${id}`)
    }
    this.#schemas.set(id, schema)
  }

  all(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Leaves out what says nothing to a reader: that arrays are not to be changed, and bounds of JavaScript's integers. */
function simplify({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  delete jsonSchema.readOnly
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}

function pointToComponents(schema: unknown): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'))
}
