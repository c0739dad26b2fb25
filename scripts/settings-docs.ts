/* docs/SETTINGS.md, generated from the schemas that read the environment. */
import { z } from 'zod'
import { settingGroups } from '../src/app/settings/environment.js'
import type { Setting, SettingGroup } from '../src/app/settings/setting.js'

/** docs/SETTINGS.md */
export function settingsDocument(): string {
  const groups = Object.entries<SettingGroup>(settingGroups)
  const contents = groups.map(
    ([title, group]) =>
      `- [${title}](#${anchorOf(title)}): ${Object.keys(group)
        .map(name => `\`${name}\``)
        .join(', ')}`,
  )
  return `# Settings

After reading this page you can configure any deployment of Loadcast: it lists every environment variable that its programs read.
Written from the schemas in \`src/app/settings\` (\`npm run documents\`).

${contents.join('\n')}
- [Variables of libraries](#variables-of-libraries)

An empty value counts as not set. A value that is not taken stops the start, and the message names all of them. A variable that
is not listed here is ignored. A secret is never logged, and child processes do not inherit it.

**Read by** names the programs. \`api\` and \`worker\` are the roles of a server; \`ROLE=all\`, the default, is both. \`migrate\`,
\`rotate-secrets\` and \`health-check\` are \`dist/migrate.js\`, \`dist/rotate-secrets.js\` and \`dist/health-check.js\`. The scripts of
\`npm run\` read the same variables as the server.

**Set it in** names the deployments that require a setting or should have it:

| deployment | what it is |
|---|---|
| embedded | \`npm start\`: one process with a Postgres of its own, for a developer. It needs no settings |
| one server | one process in production (\`NODE_ENV=production\`), with a Postgres of yours |
| cluster | several processes in production, joined by Redis, as in \`docker-compose.yml\` |
| AWS | the stacks of \`infra\`, which set these |

${groups.map(section).join('\n')}
## Variables of libraries

Node reads \`NODE_EXTRA_CA_CERTS\`, a file of certificates of your own authorities. The AWS SDK reads its usual variables, to get
the credentials for \`SECRETS_ARN\`. In production, long-lived keys (\`AWS_ACCESS_KEY_ID\` without \`AWS_SESSION_TOKEN\`) are refused.
`
}

const section = ([title, group]: [string, SettingGroup]) => `## ${title}

| setting | value | default | example | read by | set it in |
|---|---|---|---|---|---|
${Object.entries(group).map(row).join('\n')}

${Object.entries(group)
  .map(([name, { meaning }]) => `- \`${name}\`: ${meaning}`)
  .join('\n')}
`

const row = ([name, setting]: [string, Setting]) =>
  `| ${[
    `\`${name}\``,
    valuesOf(name, setting.schema),
    defaultOf(setting),
    `\`${setting.example}\``,
    setting.readBy.join(', '),
    deploymentsOf(setting),
  ].join(' | ')} |`

function deploymentsOf({ requiredIn = [], advisedIn = [] }: Setting): string {
  const sentences = [
    ...(requiredIn.length === 0 ? [] : [`required: ${requiredIn.join(', ')}`]),
    ...(advisedIn.length === 0 ? [] : [`advised: ${advisedIn.join(', ')}`]),
  ]
  return sentences.join('; ')
}

/** The schemas inside one another, from the outside in. */
function layersOf(schema: z.ZodType): readonly z.ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return [schema, ...layersOf(schema.unwrap() as z.ZodType)]
  }
  return schema instanceof z.ZodPipe ? [schema, ...layersOf(schema.in as z.ZodType)] : [schema]
}

function valuesOf(name: string, schema: z.ZodType): string {
  const described = layersOf(schema).find(layer => layer.description !== undefined)
  if (described?.description === undefined) throw new Error(`${name}: Expected a description of its values`)
  return described.description.replaceAll('|', '\\|')
}

function defaultOf({ schema, unset }: Setting): string {
  const layer = layersOf(schema).find(one => one instanceof z.ZodDefault)
  if (layer instanceof z.ZodDefault) {
    const value = layer.def.defaultValue
    return Array.isArray(value) && value.length === 0 ? 'none' : `\`${value}\``
  }
  return unset ?? 'none'
}

const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')
