/* The documents of the interfaces, generated from the registries that the server uses. */
import { publicRoutes, routes } from '../src/adapters/http/routes.js'
import { createMetrics } from '../src/adapters/telemetry/metrics.js'
import { access, type CommandName, type Standing } from '../src/dispatch/access.js'
import { type Role, ROLES as roles } from '../src/dispatch/person.js'
import { type ProblemKind, problemMembers, problems } from '../src/dispatch/problems.js'
import { parts, type Sight } from '../src/dispatch/views/visibility.js'

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

/** docs/errors.md */
export function errorsDocument(): string {
  const rows = Object.entries(problems as Readonly<Record<string, ProblemKind>>).map(([code, kind]) => [
    String(kind.status),
    `\`${code}\``,
    kind.title,
    kind.when,
    kind.next,
    [
      ...(kind.members ?? []).map(member => `\`${member}\``),
      ...(kind.isTemporary ? ['`Retry-After`'] : []),
    ].join(' '),
  ])
  const members = Object.entries(problemMembers).map(([name, meaning]) => [`\`${name}\``, meaning])
  return `# Errors

After reading this page you know every error that an app can get, when it happens, and what the app should do.

Every error is a problem document (RFC 9457, \`application/problem+json\`) with \`type\`, \`title\`, \`status\`, \`code\`,
\`instance\` and often \`detail\`. Let the program use \`code\`, and show \`title\` to people. Sockets answer with the same
problems. This page is generated from the registry in \`src/dispatch/problems.ts\` (\`npm run documents\`).

${table(['status', 'code', 'title', 'when', 'what next', 'carries'], rows)}

A member with a \`?\` is present only if it is known.

${table(['member', 'meaning'], members)}
`
}

/** docs/metrics.md */
export function metricsDocument(): string {
  const rows = createMetrics({ version: '0' })
    .describe()
    .map(({ name, type, help, labels }) => [
      `\`${name}\``,
      type,
      labels.map(label => `\`${label}\``).join(' '),
      help,
    ])
  return `# Metrics

After reading this page you know each metric of \`/metrics\` and its labels. The Prometheus client library adds metrics of the
process (\`process_…\`, \`nodejs_…\`). A dashboard and alert rules are in [ops](../ops).

Figures of the database (\`outbox\`, \`timers\`, \`dead_letters\`) are the same on every process: take the largest, not
the sum. If \`TRUSTED_PROXIES\` is above 0, requests through a proxy get 404, so let Prometheus read each process directly.

This page is generated from the registry in \`src/adapters/telemetry/metrics.ts\` (\`npm run documents\`).

${table(['name', 'type', 'labels', 'meaning'], rows)}
`
}

const meanings: Readonly<Record<Standing, string>> = {
  self: 'yes',
  any: 'any',
  owner: 'own, else 404',
  ownerOrNew: 'own or new, else 409',
  reader: 'offered or with a trip on it, else 404',
  party: 'its trip, else 404',
  invited: 'invited or in it, else 404',
}

/** docs/authorization.md */
export function authorizationDocument(): string {
  const rows = routes.flatMap(route =>
    route.commands.map(command => {
      const variant = route.commands.length > 1 ? ` \`${command.split('.')[1]}\`` : ''
      return [
        `\`${route.method.toUpperCase()} ${route.path}\`${variant}`,
        ...roles.map(role => cell(command, role)),
        asAnother(command),
      ]
    }),
  )
  const open = publicRoutes.map(route => `\`${route.method.toUpperCase()} ${route.path}\``)
  return `# Who may do what

After reading this page you know which role may call which route, and how much of a request each reader sees.

This page is generated from the table in \`src/dispatch/access.ts\` and the registry of routes (\`npm run documents\`). A test
calls every cell. Without a valid token, every route answers 401. A user that was turned off gets 403. An object that the
caller may not know of is answered as if it did not exist.

${table(['', ...roles, 'another role of the same `sub`'], rows)}

A person is role and \`sub\` together, so the same \`sub\` in another role is another person. The last column shows this: its token
has the \`sub\` of the owner or party and another role, and it gets what any stranger of that role gets. \`its own\` means
objects that belong to its own role and \`sub\`.

## On sockets

${table(['', ...roles, 'another role of the same `sub`'], socketRows())}

Open to everyone: ${open.join(', ')}.

## How much of a request its readers see

This table is generated from \`src/dispatch/views/visibility.ts\`. A trip stands while it is assigned or started, and after it was
completed. A released, cancelled or abandoned trip does not stand. A reader's part is computed each time the request is shown: in
answers, lists, events and resumes, and in answers that are repeated for an idempotency key. A request can be accepted while it
seeks trucks and its deadline has not passed.

${table(['reader', '`notes`', '`pickup`, `drop`', 'trips'], Object.values(parts).map(sightCells))}

The view of a trip, alone or in an event, follows the same rule for its transporter and driver: rounded places without
addresses once the trip does not stand. Its customer, admins and viewers see exact places. Only a driver's own transporter reads the
driver's position, in its list of drivers. Offers and the admin's list of recipients have whole kilometres between a pickup
and the nearest driver.
`
}

const ofStrangers: Readonly<Record<Standing, string>> = {
  self: 'its own',
  any: 'any',
  owner: '404',
  ownerOrNew: '409',
  reader: '404',
  party: '404',
  invited: '404',
}

/** The outcomes for roles that may send the command but have no relation to the resource, each with its roles. */
function asAnother(command: CommandName): string {
  const outcomes = new Map<string, Role[]>()
  for (const [role, standing] of Object.entries(access[command]) as [Role, Standing][]) {
    const outcome = ofStrangers[standing]
    outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), role])
  }
  return [...outcomes].map(([outcome, these]) => `${these.join(', ')}: ${outcome}`).join('; ')
}

const sightCells = ({ who, notes, places, trips }: Sight & { readonly who: string }) => [
  who,
  notes ? 'yes' : 'no',
  places === 'exact' ? 'exact, with `address`' : 'rounded to 0.01°, without `address`',
  trips === 'all' ? 'all' : 'its own',
]

function cell(command: CommandName, role: Role): string {
  const standing = (access[command] as Partial<Record<Role, Standing>>)[role]
  return standing === undefined ? '403' : meanings[standing]
}

/** The same table for sockets: they may watch what their person may read, and get that person's events. */
const socketRows = (): readonly (readonly string[])[] => [
  ['connect', ...roles.map(() => 'yes'), 'its own'],
  ['`watch`', ...roles.map(role => cell('getBroadcast', role)), asAnother('getBroadcast')],
  [
    '`heartbeat`',
    ...roles.map(role => cell(role === 'driver' ? 'driverHeartbeat' : 'transporterHeartbeat', role)),
    'its own',
  ],
  ['events, resume', ...roles.map(role => cell('sync', role)), asAnother('sync')],
]
