import { useDatabase } from '../database/use-database.js'
import { openDispatch, type Product } from './dispatch.js'

type Options = Parameters<typeof openDispatch> extends [string, ...infer Rest] ? Rest : never

export interface UsedDispatch extends Product {
  readonly connectionString: string
  /** Opens another on the same database, as in another process. Both are closed after the last test. */
  beside(...options: Options): Product
}

/**
 * Dispatch on a database of its own for the tests of this file. It is closed after the last of them:
 *
 *   const product = await useDispatch()
 */
export async function useDispatch(...options: Options): Promise<UsedDispatch> {
  const { connectionString, closing } = await useDatabase()
  const beside = (...its: Options) => closing(openDispatch(connectionString, ...its))
  return { ...beside(...options), connectionString, beside }
}
