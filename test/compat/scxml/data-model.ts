/*
 * The ECMAScript data model: the data of a document are the members of the machine's context, and expressions run with them
 * in scope. Every call works on a copy, because the context of a machine must not be changed in place.
 */
export interface Scope {
  /** Members of the context; changed by assignments. */
  readonly data: Record<string, unknown>
  /** `_event` and the like: can be read and not assigned. */
  readonly system: Readonly<Record<string, unknown>>
  /** Names that the document declares: they can be read before they have a value. */
  readonly declared: ReadonlySet<string>
}

/** What JSON holds is copied. Anything else is kept: whether it may be stored is for the engine to say. */
export function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)])) as T
}

/** Where names are looked up. `isOpen`: a script may make new ones. */
function namesOf({ data, system, declared }: Scope, isOpen: boolean): object {
  return new Proxy(data, {
    has: (_, name) =>
      typeof name === 'string' &&
      (name in system || name in data || declared.has(name) || (isOpen && !(name in globalThis))),
    get: (_, name) => (typeof name !== 'string' ? undefined : name in system ? system[name] : data[name]),
    set(_, name, value) {
      if (String(name) in system) throw new TypeError(`${String(name)} cannot be assigned`)
      data[String(name)] = value
      return true
    },
  })
}

/** Not strict, so that `with` is allowed: a document names its data without a prefix. */
const compiled = new Map<string, (names: object, value?: unknown) => unknown>()
function compile(body: string): (names: object, value?: unknown) => unknown {
  const known = compiled.get(body)
  if (known !== undefined) return known
  const made = new Function('$names', '$value', `with ($names) { ${body} }`) as (names: object) => unknown
  compiled.set(body, made)
  return made
}

export const evaluate = (expression: string, scope: Scope): unknown =>
  compile(`return (${expression}\n)`)(namesOf(scope, false))

export const runScript = (code: string, scope: Scope): unknown => compile(code)(namesOf(scope, true))

/** Throws for a place that the document does not declare. */
export function assignTo(location: string, value: unknown, scope: Scope): void {
  const [root = ''] = location.split(/[.[]/)
  if (
    !/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(root) ||
    (!scope.declared.has(root) && !(root in scope.data))
  ) {
    throw new ReferenceError(`${location} is no place for a value`)
  }
  compile(`${location} = $value`)(namesOf(scope, false), value)
}
