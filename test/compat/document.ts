/*
 * docs/COMPATIBILITY.md, written from what the rows came out as. The test of the rows compares it with the file;
 * `npm run documents` writes it.
 */
import type { Finding } from './harness/judge.js'
import type { Chapter } from './harness/row.js'
import { pendingRows } from './pending.js'
import type { CaseCount } from './scxml/cases.js'

const INTRODUCTION = `# Compatibility with XState

After reading this page you know which machines of XState 5 can be made durable as they are, which features are refused, and with which message.

A durable machine behaves after a restart, a crash or a takeover as a running actor does. Otherwise it is refused by name.

| cell | meaning |
|---|---|
| same | no difference to a plain actor |
| as JSON | values become what JSON makes of them, at once and not only after a restart |
| refused at registration | \`createEngine\` throws |
| refused at the start | \`create\` rejects |
| refused at the event | \`send\` rejects, nothing is written, and the instance lives on |

Each row below is a machine and some events in \`test/compat/rows\`. A test runs each as a plain XState actor, on the store in memory, and on Postgres. Another engine takes over before every event. After each step, the test compares value, context, status, output, emitted events and their order, tags and history. This page is generated from the results (\`npm run documents\`).

Three differences to a plain actor hold for every row:

- Each event and input that the machine sees also has \`at\` and \`uid\`.
- An action, guard or delay that throws fails its own event instead of stopping the machine.
- If no process was up for a while, the machine gets its timers in the order in which they were due, each at its due time.
`

export interface FoundRow {
  readonly feature: string
  readonly finding: Finding
}

export function compatibilityDocument(
  chapters: readonly (Pick<Chapter, 'title'> & { readonly rows: readonly FoundRow[] })[],
  scxml: readonly CaseCount[],
): string {
  const count = chapters.reduce((sum, { rows }) => sum + rows.length, 0)
  return [
    INTRODUCTION,
    `${count} features, and the cases of SCXML:\n`,
    ...[...chapters.map(({ title }) => title), 'SCXML'].map(title => `- [${title}](#${anchor(title)})`),
    '',
    ...chapters.flatMap(({ title, rows }) => [
      `## ${title}\n`,
      '| feature | durable |',
      '|---|---|',
      ...rows.map(row => `| ${cell(row.feature)} | ${wordsFor(row)} |`),
      '',
    ]),
    ...scxmlSection(scxml),
  ].join('\n')
}

/** GitHub's, for titles of letters, commas and spaces. */
const anchor = (title: string) => title.toLowerCase().replaceAll(',', '').replaceAll(' ', '-')

function wordsFor({ feature, finding }: FoundRow): string {
  const pending = pendingRows[feature]
  if (pending !== undefined) return `differs: ${cell(pending)}`
  switch (finding.kind) {
    case 'same':
    case 'as JSON':
      return finding.kind
    case 'refused':
      return `refused at ${finding.at === 'start' ? 'the start' : finding.at === 'event' ? 'the event' : 'registration'}: “${cell(shortened(finding.message))}”`
    case 'differs':
      return 'differs'
  }
}

/** Without what a message begins with in every row. */
const shortened = (message: string) => message.replace(/^m v1: |^Machine "\S+" on "\S+": /, '')

/** Text inside a cell of a table. */
const cell = (text: string) =>
  text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')

function scxmlSection(counts: readonly CaseCount[]): string[] {
  const total = (of: (one: CaseCount) => number) => counts.reduce((sum, one) => sum + of(one), 0)
  const reasons = new Map<string, number>()
  for (const { refused } of counts) {
    for (const reason of refused) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  return [
    '## SCXML',
    '',
    'These are the cases of `@scion-scxml/test-framework`: those of the W3C for SCXML (`w3c-ecma`) and of the interpreter SCION. `test/compat/scxml` converts each to an XState machine. The machine runs on Postgres with another engine for every event, and must be in the expected states after each one. The others are refused by the converter or the engine, for something that they use.',
    '',
    '| cases | passed | refused |',
    '|---|---|---|',
    ...counts.map(({ name, passed, refused }) => `| ${name} | ${passed} | ${refused.length} |`),
    `| all | ${total(one => one.passed)} | ${total(one => one.refused.length)} |`,
    '',
    'Why cases are refused:',
    '',
    '| cases | reason |',
    '|---|---|',
    ...[...reasons]
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .map(([reason, n]) => `| ${n} | ${cell(shortened(reason))} |`),
    '',
  ]
}
