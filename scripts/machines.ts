/* `npm run machines`: writes the documents of every machine and README's diagram. A test checks that they are current. */
import { readFile, writeFile } from 'node:fs/promises'
import { broadcastMachine, tripMachine } from '../src/machines/index.js'
import { machineDocs, machineMermaid, withDiagram } from './machine-docs.js'

const root = new URL('../', import.meta.url)
const documents = { ...machineDocs(broadcastMachine), ...machineDocs(tripMachine) }

for (const [name, content] of Object.entries(documents)) {
  await writeFile(new URL(`docs/machines/${name}`, root), content)
  console.log(`docs/machines/${name}`)
}
const readme = new URL('README.md', root)
await writeFile(readme, withDiagram(await readFile(readme, 'utf8'), machineMermaid(broadcastMachine)))
console.log('README.md')
