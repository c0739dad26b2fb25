/* Values for a JSON Schema, as the OpenAPI document has it: those that fit, those that nearly do, and hostile ones. */
import fc from 'fast-check'
import { document } from './document-check.js'

// biome-ignore lint/suspicious/noExplicitAny: a schema is JSON
type Schema = any

/** Fits the schema, but for what JSON Schema cannot say (a sum, two fields that go together). */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return fitting(document.components.schemas[schema.$ref.split('/').at(-1)])
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const options = schema.oneOf ?? schema.anyOf
  if (options !== undefined) return fc.oneof(...options.map(fitting))
  switch (schema.type) {
    case 'object':
      return fittingObject(schema)
    case 'array':
      return fc.array(fitting(schema.items), { minLength: schema.minItems ?? 0, maxLength: 3 })
    case 'string':
      return fittingString(schema)
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1_000, max: Math.min(schema.maximum ?? 1_000, 20) })
    case 'number':
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? -1e6,
        max: schema.maximum ?? 1e6,
        minExcluded: schema.exclusiveMinimum !== undefined,
        noNaN: true,
      })
    case 'boolean':
      return fc.boolean()
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function fittingObject({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties as Record<string, Schema>)
  return fc.record(Object.fromEntries(fields.map(([name, field]) => [name, fitting(field)])), {
    requiredKeys: required,
  })
}

function fittingString({ pattern, format, minLength = 0, maxLength = 20 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid({ version: 7 })
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  return fc.string({ minLength, maxLength: Math.min(maxLength, 40), unit: 'binary' })
}

const hostileStrings = [
  '',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '\u202egnirts desrever',
  '\u200b\ufeff',
  'x'.repeat(10_000),
  '__proto__',
  'constructor',
  "' or 1=1; --",
  '"); drop table instances; --',
  '../../../etc/passwd',
  '#{7*7}{{7*7}}',
  '<script>alert(1)</script>',
  '\r\nset-cookie: a=b',
  '\u{1f69a}'.repeat(50),
]

const hostileNumbers = [
  0,
  -0,
  -1,
  0.1,
  1e308,
  -1e308,
  5e-324,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  -(2 ** 53) - 2,
  91,
  181,
  501,
  1e21,
]

export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...hostileStrings),
  fc.constantFrom<unknown>(...hostileNumbers),
  fc.constantFrom<unknown>(null, true, [], {}, [[]], { toString: 1 }, [null]),
  fc.jsonValue({ maxDepth: 3 }),
)

export const hostileText = fc.oneof(
  fc.constantFrom(...hostileStrings),
  fc.string({ unit: 'binary', maxLength: 60 }),
)

/** One place of a fitting value is changed: a field is gone, one too many, or holds something hostile. */
export function nearlyFitting(schema: Schema): fc.Arbitrary<unknown> {
  return fc
    .tuple(fitting(schema), fc.nat(), fc.constantFrom('drop', 'add', 'replace'), hostile, hostileText)
    .map(([value, at, change, bad, name]) => spoil(value, at, change, bad, name))
}

function spoil(value: unknown, at: number, change: string, bad: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return bad
  const entries = Object.entries(value)
  if (entries.length === 0) return change === 'drop' ? bad : Object.fromEntries([[name, bad]])
  const index = at % entries.length
  const [key = '', inner] = entries[index] ?? []
  const goesDeeper = typeof inner === 'object' && inner !== null && at % 2 === 0
  const replacement = goesDeeper ? spoil(inner, Math.floor(at / 2), change, bad, name) : bad
  if (Array.isArray(value)) return value.map((item, i) => (i === index ? replacement : item))
  if (change === 'drop' && !goesDeeper) return Object.fromEntries(entries.filter((_, i) => i !== index))
  if (change === 'add' && !goesDeeper) return Object.fromEntries([...entries, [name, bad]])
  return Object.fromEntries(entries.map(([k, v]) => [k, k === key ? replacement : v]))
}

/** Bodies that are not JSON, or not as anyone would write it. */
export const hostileBody: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .constantFrom(
      '{',
      '"',
      'null',
      '[]',
      '0',
      '{"a":1,"a":2}',
      '{"__proto__":{"role":"admin"}}',
      '{"constructor":{"prototype":{"x":1}}}',
      '{"limit":1e999}',
      '{"type":"cancel","type":"accept"}',
      '\ufeff{}',
      "{'a':1}",
      '{"a":01}',
      '{"a":"\u0001"}',
      'a=1&b=2',
      '['.repeat(50_000),
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      `{"a":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`,
    )
    .map(text => Buffer.from(text)),
  fc.uint8Array({ maxLength: 64 }).map(bytes => Buffer.from(bytes)),
  fc.constant(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
)
