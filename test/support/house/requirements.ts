/* The rows of docs/REQUIREMENTS.md, and the rows that titles of tests begin with. */

/** The number of rows in each group: `R1.1` to `R1.5`, and so on. */
const GROUPS: Readonly<Record<string, number>> = {
  R1: 5,
  R2: 4,
  R3: 4,
  R4: 3,
  R5: 4,
  R6: 6,
  R7: 4,
  R8: 1,
  R9: 5,
  R10: 8,
  R11: 6,
  R13: 5,
  P1: 5,
  P2: 5,
  P3: 5,
  P4: 5,
}

export const allRows: readonly string[] = Object.entries(GROUPS).flatMap(([group, count]) =>
  Array.from({ length: count }, (_, i) => `${group}.${i + 1}`),
)

export interface Row {
  readonly id: string
  readonly state: string
  /** Test files below `test/`, without `.test.ts`. Those of the infrastructure are `infra/…`. */
  readonly shownBy: readonly string[]
}

export function readRows(document: string): Row[] {
  return document.split('\n').flatMap(line => {
    const [, id = '', , state = '', shownBy = ''] = line.split('|').map(cell => cell.trim())
    if (!/^[RP]\d+\.\d+$/.test(id)) return []
    return [{ id, state, shownBy: shownBy.split(',').flatMap(name => name.trim() || []) }]
  })
}

/** A string that begins with rows, unless it is the title of a test that does not run. */
const titlePattern = /(?<!\b(?:skip|todo)\(\s*)(['"`])((?:[RP]\d+\.\d+ )+)(?=\S)/g

/** The rows that titles in this test file begin with, in order, with repetitions. */
export function rowsInTitles(text: string): string[] {
  return [...text.matchAll(titlePattern)].flatMap(match => (match[2] ?? '').trim().split(' '))
}

export interface TestFile {
  /** The path from the root of the repository. */
  readonly path: string
  readonly text: string
}

/** Returns each mismatch between the document and the titles, as a sentence. */
export function findGaps(document: string, tests: readonly TestFile[]): string[] {
  const rows = readRows(document)
  const shown = new Map(
    tests.map(({ path, text }) => [
      path.replace(/^(infra\/)?test\/(.*)\.test\.ts$/, '$1$2'),
      rowsInTitles(text),
    ]),
  )
  const listed = rows.map(row => row.id)
  return [
    ...allRows.filter(id => !listed.includes(id)).map(id => `${id} is missing`),
    ...listed.filter(id => !allRows.includes(id)).map(id => `${id} is no row`),
    ...listed.filter((id, i) => listed.indexOf(id) !== i).map(id => `${id} is listed twice`),
    ...rows.flatMap(row => gapsOf(row, shown)),
    ...[...shown].flatMap(([name, ids]) =>
      ids.filter(id => !allRows.includes(id)).map(id => `a title in ${name} names ${id}, which is no row`),
    ),
  ]
}

function gapsOf({ id, state, shownBy }: Row, shown: ReadonlyMap<string, readonly string[]>): string[] {
  const isKnown = /^(built|partly: \S.*|partly|later)$/.test(state)
  const isShown = [...shown.values()].some(ids => ids.includes(id))
  return [
    ...(isKnown ? [] : [`${id} is in no known state: "${state}"`]),
    ...(state === 'built' && (!isShown || shownBy.length === 0)
      ? [`${id} is built and no test shows it`]
      : []),
    ...(state === 'later' && isShown ? [`${id} is for later and a test shows it`] : []),
    ...shownBy
      .filter(name => !shown.get(name)?.includes(id))
      .map(name => `${id} is not shown by ${name}: no title there begins with it`),
  ]
}
