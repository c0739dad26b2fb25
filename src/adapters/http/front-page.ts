/*
 * The page at `/`, until the console replaces it: plain HTML without external files. It is public, so it shows no
 * figures and does not query the database.
 */
import { createHash } from 'node:crypto'

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
th { width: 12rem; font-weight: 600 }
code { font-size: .9em }
`

/** The content security policy must name this hash, or the browser ignores the style. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`

const row = (name: string, value: string) => `<tr><th>${name}</th><td>${value}</td></tr>`

export const frontPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Loadcast</title>
<style>${style}</style>
</head>
<body>
<h1>Loadcast</h1>
<p>Freight requests as durable statecharts: a customer asks for trucks, transporters nearby are offered the
load, the first to accept gets it.</p>
<table>
${row('<code>/health</code>', '<a href="/health">the state of this server</a>')}
${row('<code>/api/v1</code>', '<a href="/docs">the HTTP interface</a>, with a bearer token')}
${row('<code>/socket.io</code>', 'live events, with the same token')}
</table>
</body>
</html>
`
