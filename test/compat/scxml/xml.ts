/* SCXML documents as plain trees, in document order. */
import { XMLParser } from 'fast-xml-parser'

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  /** The text inside, without that of its children. */
  readonly text: string
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  removeNSPrefix: true,
})

type Node = Readonly<Record<string, unknown>>

export function parseXml(source: string): Element {
  const [root] = elementsOf(parser.parse(source) as Node[]).filter(({ name }) => name === 'scxml')
  if (root === undefined) throw new Error('The document has no element <scxml>')
  return root
}

function elementsOf(nodes: readonly Node[]): Element[] {
  return nodes.flatMap(node => {
    const name = Object.keys(node).find(key => key !== ':@' && key !== '#text' && !key.startsWith('?'))
    if (name === undefined) return []
    const inner = node[name] as Node[]
    return [
      {
        name,
        attributes: (node[':@'] ?? {}) as Record<string, string>,
        children: elementsOf(inner),
        text: inner.map(({ '#text': text }) => text ?? '').join(''),
      },
    ]
  })
}
