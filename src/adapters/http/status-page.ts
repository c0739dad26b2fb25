/* The page at `/`: plain HTML that loads nothing, until the console takes its place. */
import { createHash } from 'node:crypto'
import type { HealthReport } from './health.js'

/** It shows what is now: a browser left open asks again this often. */
const REFRESH_SECONDS = 5

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
th { width: 12rem; font-weight: 600 }
.ok { color: #16803c } .degraded { color: #b45309 } .down { color: #dc2626 }
code { font-size: .9em }
footer { color: #888 }
`

/** What the content security policy must name for the page to be styled. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`

export function statusPage(health: HealthReport, counts: Readonly<Record<string, number>>): string {
  const checks = Object.entries(health.checks).map(([name, { status, ...facts }]) =>
    row(name, `<span class="${status}">${status}</span> ${escapeHtml(describe(facts))}`),
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Loadcast: ${health.status}</title>
<style>${style}</style>
</head>
<body>
<h1>Loadcast</h1>
<p>Freight requests as durable statecharts: a customer asks for trucks, transporters nearby are offered the
load, the first to accept gets it.</p>
<h2>Health: <span class="${health.status}">${health.status}</span></h2>
<table>${checks.join('')}</table>
<h2>Now</h2>
<table>${Object.entries(counts)
    .map(([name, value]) => row(name, String(value)))
    .join('')}</table>
<h2>Ways in</h2>
<table>
${row('<code>/health</code>', '<a href="/health">the same as JSON</a>')}
${row('<code>/api/v1</code>', '<a href="/docs">the HTTP interface</a>, with a bearer token')}
${row('<code>/socket.io</code>', 'events as they happen, with the same token')}
</table>
<footer>Version ${escapeHtml(health.version)}</footer>
</body>
</html>
`
}

function row(name: string, value: string): string {
  return `<tr><th>${name}</th><td>${value}</td></tr>`
}

function describe(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
