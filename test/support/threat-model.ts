/* The tables of docs/threat-model.md: their rows, and the tests that each names. */

export interface Shown {
  /** Below `test/`, without `.test.ts`. */
  readonly file: string
  /** Words of a title in it. */
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

/** What is named and is not there, each as a sentence. `readTest`: a test file's text, if there is one. */
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
