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

Every error is a problem document (RFC 9457, \`application/problem+json\`) with \`type\`, \`title\`, \`status\`, \`code\`,
\`instance\` and often \`detail\`. Go by \`code\`; show \`title\` to people. Sockets answer with the same ones.
Written from the registry (\`npm run documents\`).

${table(['status', 'code', 'title', 'when', 'what next', 'carries'], rows)}

A member with a \`?\` is there where it is known.

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

What \`/metrics\` tells, besides the figures that Node’s own client library gives of the process (\`process_…\`,
\`nodejs_…\`). Written from the registry (\`npm run documents\`). A dashboard and alert rules are in [ops](../ops).

Figures of the database (\`outbox\`, \`timers\`, \`dead_letters\`) are the same on every process: take the largest, not
the sum. Where \`TRUSTED_PROXIES\` is above 0, what comes through a proxy gets 404: Prometheus asks each process itself.

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

Written from the table in \`src/dispatch/access.ts\` and the registry of routes (\`npm run documents\`); a test calls every
cell of it. Without a valid token every route answers 401, to a user who has been turned off 403. What a caller may
not know of is answered like what does not exist.

${table(['', ...roles, 'another role of the same `sub`'], rows)}

A person is role and \`sub\` together. The last column is what a token gets that has the \`sub\` of somebody who stands in
the relation, and another role: what any stranger of its role gets. \`its own\` is what belongs to role and \`sub\` together:
nothing of the other’s.

## On sockets

${table(['', ...roles, 'another role of the same `sub`'], socketRows())}

Open to everyone: ${open.join(', ')}.

## How much of a request its readers see

Written from the table in \`src/dispatch/views/visibility.ts\`. A trip stands while it is assigned or started, and when it was
completed; a released, cancelled or abandoned trip does not. A reader's part is computed each time the request is shown: in
answers, lists, events and resumes, and in answers that are repeated for an idempotency key. A request can be accepted
while it seeks trucks and its deadline has not passed.

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

/** What roles get that may give the command, but stand in no relation: each outcome with its roles. */
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

/** By the same table: a socket watches what its person may read, and hears what its person is told. */
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
