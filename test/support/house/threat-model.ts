/* The rows of the tables in docs/threat-model.md, and the tests that each of them names. */

export interface Shown {
  /** A path below `test/`, without `.test.ts`. */
  readonly file: string
  /** Words of a test title in that file. */
  readonly title: string
}

export interface Threat {
  readonly name: string
  readonly shownBy: readonly Shown[]
}

export function readThreats(document: string): Threat[] {
  return document
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| who |') && !line.startsWith('| risk |'))
    .map(line => {
      const cells = line.split('|').map(cell => cell.trim())
      const shownBy = [...(cells[4] ?? '').matchAll(/`([^`]+)`: (.*?)(?=, `|$)/g)]
      return {
        name: cells[1] ?? '',
        shownBy: shownBy.map(([, file = '', title = '']) => ({ file, title })),
      }
    })
}

/** Returns a sentence for each named test that does not exist. `readTest` returns the text of a test file that exists. */
export function findUnshown(
  threats: readonly Threat[],
  readTest: (file: string) => string | undefined,
): string[] {
  return threats.flatMap(({ name, shownBy }) => {
    if (shownBy.length === 0) return [`${name} names no test`]
    return shownBy.flatMap(({ file, title }) => {
      const text = readTest(file)
      if (text === undefined) return [`${name} names ${file}, which is not there`]
      return text.includes(title) ? [] : [`${name} names "${title}", which is not in ${file}`]
    })
  })
}
