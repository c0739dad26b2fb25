/*
 * Converts zod schemas to JSON Schema 2020-12, the dialect of OpenAPI 3.1. A schema with an id (`.meta({ id })`)
 * becomes one component that all uses refer to.
 */
import { z } from 'zod'

export type JsonSchema = Readonly<Record<string, unknown>>

export class Components {
  readonly #schemas = new Map<string, JsonSchema>()

  /** `io` is `input` for requests, where fields with defaults are optional, and `output` for answers. */
  refer(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    // Wrapped in an object, because zod inlines the root schema instead of referring to its id.
    const { properties, $defs } = z.toJSONSchema(z.object({ wrapped: schema }), { io, override: simplify })
    for (const [id, definition] of Object.entries($defs ?? {})) this.add(id, pointToComponents(definition))
    return pointToComponents((properties as { wrapped: JsonSchema }).wrapped)
  }

  /** Throws if two different schemas have the same id, which is a bug. */
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

/** Removes facts that do not help readers: `readOnly` of arrays, and the bounds of JavaScript's integers. */
function simplify({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  delete jsonSchema.readOnly
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}

function pointToComponents(schema: unknown): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'))
}
