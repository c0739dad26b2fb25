/** The value of a series without labels in `/metrics`. Throws if it is not there. */
export async function figureOf(url: string, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text()
  const value = new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1]
  if (value === undefined) throw new Error(`/metrics does not tell ${name}`)
  return Number(value)
}
