/* `/docs`: Swagger UI over `/openapi.json`. All files come from the installed package; the page calls no other host. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Loadcast: the HTTP interface</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const start = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#ui',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
})
`

/** Only our own scripts and requests to this server. Swagger UI writes inline styles, so these are allowed. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The files change only with a release. An hour is short enough, so their names need no version. */
const CACHED = 'public, max-age=3600'

export interface DocsFile {
  readonly headers: Readonly<Record<string, string>>
  readonly content: string | Buffer
}

const html: DocsFile = {
  headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY },
  content: page,
}

export const docsFileNames = ['swagger-ui.css', 'swagger-ui-bundle.js', 'start.js'] as const
const kept = new Map<string, DocsFile>()

/** The HTML page for no name, `undefined` for an unknown name. Files are read at their first request and then kept. */
export function docsFile(name?: string): DocsFile | undefined {
  if (name === undefined) return html
  if (!docsFileNames.includes(name as (typeof docsFileNames)[number])) return undefined
  const known = kept.get(name)
  if (known !== undefined) return known
  const file = {
    headers: {
      'content-type': name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8',
      'cache-control': CACHED,
    },
    content: name === 'start.js' ? start : readFileSync(join(swaggerUiFolder(), name)),
  }
  kept.set(name, file)
  return file
}

function swaggerUiFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
}
