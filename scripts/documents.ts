/* `npm run documents`: writes docs/errors.md and docs/authorization.md; a test keeps them current. */
import { writeFile } from 'node:fs/promises'
import { authorizationDocument, errorsDocument } from './api-docs.js'

const documents = { 'docs/errors.md': errorsDocument(), 'docs/authorization.md': authorizationDocument() }

for (const [name, content] of Object.entries(documents)) {
  await writeFile(new URL(`../${name}`, import.meta.url), content)
  console.log(name)
}
