/*
 * `npm run documents`: writes docs/errors.md, docs/authorization.md, docs/metrics.md, docs/SETTINGS.md and
 * docs/COMPATIBILITY.md. It also writes the figures of docs/PERFORMANCE.md and docs/bench.svg from the last results of
 * the benchmark. Tests check that all of them are current.
 */
import { writeFile } from 'node:fs/promises'
import { writePerformanceDocuments } from '../bench/report/documents.js'
import { authorizationDocument, errorsDocument, metricsDocument } from './api-docs.js'
import { compatibilityDocument } from './compatibility.js'
import { settingsDocument } from './settings-docs.js'

const documents = {
  'docs/errors.md': errorsDocument(),
  'docs/authorization.md': authorizationDocument(),
  'docs/metrics.md': metricsDocument(),
  'docs/SETTINGS.md': settingsDocument(),
  'docs/COMPATIBILITY.md': await compatibilityDocument(),
}

for (const [name, content] of Object.entries(documents)) {
  await writeFile(new URL(`../${name}`, import.meta.url), content)
  console.log(name)
}
for (const name of await writePerformanceDocuments()) console.log(name)
