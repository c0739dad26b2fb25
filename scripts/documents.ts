/* `npm run documents`: writes docs/errors.md, docs/authorization.md and docs/metrics.md; a test keeps them current. */
import { writeFile } from 'node:fs/promises'
import { authorizationDocument, errorsDocument, metricsDocument } from './api-docs.js'

const documents = {
  'docs/errors.md': errorsDocument(),
  'docs/authorization.md': authorizationDocument(),
  'docs/metrics.md': metricsDocument(),
}

for (const [name, content] of Object.entries(documents)) {
  await writeFile(new URL(`../${name}`, import.meta.url), content)
  console.log(name)
}
