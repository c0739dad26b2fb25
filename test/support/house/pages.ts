/* The Markdown pages of the repository. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { repositoryRoot } from './import-rules.js'
import type { Page } from './links.js'

const FRONT_PAGES = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md']

export function readPages(): Page[] {
  const documents = readdirSync(join(repositoryRoot, 'docs'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.md'))
    .map(entry => relative(repositoryRoot, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  return [...FRONT_PAGES, ...documents].map(path => ({
    path,
    text: readFileSync(join(repositoryRoot, path), 'utf8').replaceAll('\r\n', '\n'),
  }))
}
