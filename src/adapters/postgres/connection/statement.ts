/*
 * Statements that Kysely builds, typed by the tables (schema/tables.ts). Kysely is given no connection: a statement is compiled once
 * with named parameters, and a pool runs it with their values.
 */
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryExecutorProvider,
  type QueryId,
  type RawBuilder,
  type RootOperationNode,
  sql,
} from 'kysely'
import type pg from 'pg'
import type { Tables } from '../schema/tables.js'
import { type LookUp, query } from './query.js'

/** Holds the place of a value that a caller passes with each run. */
class Parameter {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** Gives a parameter one number in a statement, however often it is used. */
class Compiler extends PostgresQueryCompiler {
  readonly #numbers = new Map<string, string>()

  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    this.#numbers.clear()
    return super.compileQuery(node, queryId)
  }

  protected override appendValue(value: unknown): void {
    if (!(value instanceof Parameter)) {
      super.appendValue(value)
      return
    }
    const number = this.#numbers.get(value.name)
    if (number !== undefined) {
      this.append(number)
      return
    }
    super.appendValue(value)
    this.#numbers.set(value.name, this.getCurrentParameterPlaceholder())
  }
}

/** Builds the statements of the product. It cannot run them. */
export const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: known => new PostgresIntrospector(known),
    createQueryCompiler: () => new Compiler(),
  },
})

/** The parameters of a statement, each as an expression of its type. */
export type Parameters<TValues> = { readonly [K in keyof TValues]: RawBuilder<TValues[K]> }

/** What Kysely's builders and its `sql` have in common. */
export interface Built<TRow> {
  compile(executor: QueryExecutorProvider): CompiledQuery<TRow>
}

export interface Statement<TValues, TRow> {
  /** Those of one name are planned once for a connection (`LookUp` in query.ts); others each time they are sent. */
  readonly name?: string
  /** Never called: it only carries the types. */
  readonly types?: (values: TValues) => TRow
  compiled(): { readonly text: string; readonly parameters: readonly unknown[] }
}

/** The rows of a statement. */
export type RowOf<TStatement> = TStatement extends Statement<never, infer TRow> ? TRow : never

/**
 * A statement that is compiled when it first runs, and once. `build` gets an expression for each parameter:
 *
 *     const driverOf = statement(($: Parameters<{ id: string }>) =>
 *       db.selectFrom('drivers').select('name').where('id', '=', $.id))
 *
 * Other values in the statement are constants. A choice that depends on a value must therefore be written in SQL.
 */
export function statement<TValues, TRow>(
  build: ($: Parameters<TValues>) => Built<TRow>,
  name?: string,
): Statement<TValues, TRow> {
  let known: { text: string; parameters: readonly unknown[] } | undefined
  const compiled = () => {
    if (known === undefined) {
      const { sql: text, parameters } = build(parametersByName<TValues>()).compile(db)
      known = { text, parameters }
    }
    return known
  }
  return name === undefined ? { compiled } : { name, compiled }
}

/** A statement that finds rows by their keys, for the pool of `createLookupPool`. `name` is its alone. */
export function lookUp<TValues, TRow>(
  name: string,
  build: ($: Parameters<TValues>) => Built<TRow>,
): Statement<TValues, TRow> {
  return statement(build, name)
}

const parametersByName = <TValues>() =>
  new Proxy({} as Parameters<TValues>, {
    get: (_, name) => sql`${new Parameter(String(name))}`,
  })

/** The values of a statement's parameters. */
export type Values<TValues> = { readonly [K in keyof TValues]: TValues[K] }

/** What `pg` is sent. */
export function bind<TValues>(
  { name, compiled }: Statement<TValues, unknown>,
  values: Values<TValues>,
): { readonly statement: string | LookUp; readonly values: unknown[] } {
  const { text, parameters } = compiled()
  const given = values as Readonly<Record<string, unknown>>
  return {
    statement: name === undefined ? text : { name, text },
    values: parameters.map(one => (one instanceof Parameter ? given[one.name] : one)),
  }
}

/** Runs a statement and returns its rows. Retries and errors are those of `query`. */
export function run<TValues, TRow>(
  pool: pg.Pool,
  statement: Statement<TValues, TRow>,
  values: Values<TValues>,
): Promise<readonly TRow[]> {
  const bound = bind(statement, values)
  return query<TRow & pg.QueryResultRow>(pool, bound.statement, bound.values)
}
