/* Writes the documents of every machine into docs/machines; a test keeps the committed ones current. */
import { writeFile } from 'node:fs/promises'
import { broadcastMachine, tripMachine } from '../src/machines/index.js'
import { machineDocs } from './machine-docs.js'

const directory = new URL('../docs/machines/', import.meta.url)

for (const [name, content] of Object.entries({
  ...machineDocs(broadcastMachine),
  ...machineDocs(tripMachine),
})) {
  await writeFile(new URL(name, directory), content)
  console.log(`docs/machines/${name}`)
}
