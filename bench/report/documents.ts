/* The parts of the documentation that come from bench/results.json: the table in docs/PERFORMANCE.md, and the plot. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { plotSvg } from './plot.js'
import { figuresOf, type Results, readResults } from './results.js'
import { figuresMarkdown } from './table.js'

const fileOf = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const BEGIN = '<!-- figures: written by `npm run bench` -->'
const END = '<!-- end of figures -->'

/** Replaces the text between the two marks in `markdown`. Throws if a mark is missing. */
export function withFigures(markdown: string, results: Results): string {
  const begin = markdown.indexOf(BEGIN)
  const end = markdown.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`There is no ${BEGIN} … ${END} for the figures`)
  const day = results.date.slice(0, 10)
  const figures = `${BEGIN}\n${results.machine}. Last measured on ${day}.\n\n${figuresMarkdown(figuresOf(results))}\n\n`
  return markdown.slice(0, begin) + figures + markdown.slice(end)
}

/** File name → the content that it should have, from the last results. */
export function performanceDocuments(): Readonly<Record<string, string>> {
  const results = readResults()
  if (results === undefined) return {}
  const name = 'docs/PERFORMANCE.md'
  return {
    [name]: withFigures(readFileSync(fileOf(name), 'utf8'), results),
    ...(results.curve.length === 0 ? {} : { 'docs/bench.svg': plotSvg(results) }),
  }
}

export async function writePerformanceDocuments(): Promise<readonly string[]> {
  const documents = Object.entries(performanceDocuments())
  for (const [name, content] of documents) await writeFile(fileOf(name), content)
  return documents.map(([name]) => name)
}
