/* Links and paths of Markdown pages, and the anchors that GitHub gives to their headings. */
import { posix } from 'node:path'
import { withoutBlocks } from './markdown.js'

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** Paths in code are from the root of the repository, so that they can be found by readers and by `grep`. */
const CODE_PATH = /`((?:src|test|docs|migrations|infra|bench|scripts|deploy|ops|demo|examples)\/[\w./@-]+)`/g

/** One line for each link that leads nowhere: to no file, or to no heading of a page. */
export function findBrokenLinks(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  const anchors = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]))
  return pages.flatMap(({ path, text }) =>
    linksOf(text).flatMap(link => {
      const [target = '', anchor] = link.split('#')
      const file = target === '' ? path : posix.normalize(posix.join(posix.dirname(path), target))
      if (!exists(file)) return [`${path} links to ${link}, which does not exist`]
      const known = anchors.get(file)
      if (anchor === undefined || known === undefined || known.has(anchor)) return []
      return [`${path} links to ${link}, but ${file} has no such heading`]
    }),
  )
}

/** One line for each file or folder that is named in code and does not exist. */
export function findMissingPaths(pages: readonly Page[], exists: (path: string) => boolean): string[] {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(CODE_PATH)]
      .map(([, named = '']) => named)
      .filter(named => !exists(named))
      .map(named => `${path} names ${named}, which does not exist`),
  )
}

/** Sections of a long page that its list of contents does not link to. A page of fewer sections needs no list. */
export function findMissingContents({ path, text }: Page, maxSections: number): string[] {
  const sections = headingsOf(text).filter(({ level }) => level === 2)
  if (sections.length <= maxSections) return []
  const linked = linksOf(text)
  return sections
    .filter(({ anchor }) => !linked.includes(`#${anchor}`))
    .map(
      ({ title }) => `${path} has ${sections.length} sections and no link to "${title}": list its contents`,
    )
}

/** Relative targets of links and images; addresses of other sites are left out. */
function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !/^[a-z]+:/i.test(target))
}

function anchorsOf(text: string): ReadonlySet<string> {
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  return new Set([...headingsOf(text).map(({ anchor }) => anchor), ...named])
}

function headingsOf(text: string): { level: number; title: string; anchor: string }[] {
  const seen = new Map<string, number>()
  return [...withoutBlocks(text).matchAll(/^(#+) (.+)$/gm)].map(([, marks = '', title = '']) => {
    const slug = slugOf(title)
    const before = seen.get(slug) ?? 0
    seen.set(slug, before + 1)
    return { level: marks.length, title, anchor: before === 0 ? slug : `${slug}-${before}` }
  })
}

/** As GitHub does it: lower case, without punctuation, hyphens for spaces. */
const slugOf = (title: string) =>
  title
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\d\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')

const withoutCode = (text: string) => withoutBlocks(text).replace(/`[^`\n]+`/g, '`code`')
