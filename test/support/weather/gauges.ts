/* Gauges of /metrics that are not at rest although all work is done. */

/** Facts, limits, and idle connections of a pool. All other gauges of ours are 0 at rest, or nearly. */
const NEVER_ZERO =
  /^loadcast_(info|http_requests_limit|backlog_known)\b|^loadcast_pool_connections\{.*state="idle"/

/** The test's own share of a gauge: its request is one exchange, and its connections are kept alive. */
const OWN_SHARE: Readonly<Record<string, number>> = {
  loadcast_http_exchanges: 1,
  loadcast_http_connections: 200,
}

/** The /metrics lines of such gauges, for each process. A process that does not answer is reported too. */
export async function findRestless(urls: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    urls.map(async url => {
      try {
        const page = await (await fetch(`${url}/metrics`)).text()
        return restlessIn(page).map(line => `${url} ${line}`)
      } catch (error) {
        return [`${url} ${error}`]
      }
    }),
  )
  return found.flat()
}

function restlessIn(page: string): string[] {
  const gauges = new Set([...page.matchAll(/^# TYPE (loadcast_\S+) gauge$/gm)].map(match => match[1]))
  return page.split('\n').filter(line => {
    const name = /^(loadcast_[a-z0-9_]+)/.exec(line)?.[1] ?? ''
    if (!gauges.has(name) || NEVER_ZERO.test(line)) return false
    const figure = Number(line.split(' ').at(-1))
    // A gauge below 0, or an unknown one, is not at rest either.
    return !(figure >= 0 && figure <= (OWN_SHARE[name] ?? 0))
  })
}
