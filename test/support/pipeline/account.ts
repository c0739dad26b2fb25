/*
 * The AWS account and the docker of the pipeline's steps. `aws` and `docker` are shell scripts that send their arguments to
 * this process and print its answer, so that a call starts no Node. Calls are recorded, and answered from a state as the
 * account would. Only the commands that the steps are meant to use exist.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

export interface TaskDefinition {
  readonly family: string
  readonly containerDefinitions: readonly { readonly image: string; readonly secrets: unknown }[]
}

interface Service {
  readonly networkConfiguration: object
  readonly deployments: readonly object[]
  /** The task definition of each task. */
  readonly tasks: string[]
}

export interface AccountState {
  readonly images: readonly string[]
  /** What docker fails with, by its command. */
  readonly docker: Readonly<Record<string, string>>
  readonly revision: number
  readonly definitions: Readonly<Record<string, object>>
  readonly registered: TaskDefinition[]
  readonly services: Record<string, Service>
  readonly migration: object
}

export interface Account {
  /** Each call with its arguments, in order. */
  readonly calls: readonly (readonly string[])[]
  close(): Promise<unknown>
}

interface Answer {
  readonly code: number
  readonly text: string
}

/** Writes `aws` and `docker` into the folder `bin`. */
export async function openAccount(state: AccountState, bin: string): Promise<Account> {
  const calls: string[][] = []
  const server = createServer(socket => {
    let received = ''
    socket.setEncoding('utf8').on('data', chunk => {
      received += chunk
      const call = callIn(received)
      if (call === undefined) return
      calls.push(call)
      reply(socket, answer(state, call))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const name of ['aws', 'docker']) await writeFile(join(bin, name), script(name, port), { mode: 0o755 })
  return { calls, close: () => new Promise(resolve => server.close(resolve)) }
}

const script = (name: string, port: number) => `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\0' $(($# + 1)) ${name} "$@" >&3
read -r code <&3
if ((code == 0)); then cat <&3; else cat <&3 >&2; fi
exit "$code"
`

/** How many words it has, and the words, each ended by NUL. `undefined` while some are still to come. */
function callIn(received: string): string[] | undefined {
  const [count, ...words] = received.split('\0')
  return words.length === Number(count) + 1 ? words.slice(0, -1) : undefined
}

function reply(socket: Socket, { code, text }: Answer): void {
  socket.end(`${code}\n${text}\n`)
}

function answer(state: AccountState, [name, ...args]: readonly string[]): Answer {
  if (name === 'docker') {
    const failure = state.docker[args[0] ?? '']
    return failure === undefined ? { code: 0, text: '' } : { code: 1, text: failure }
  }
  const command = commands[args.slice(0, 2).join(' ')]
  if (command === undefined)
    return { code: 252, text: `aws: no such command here: ${args.slice(0, 2).join(' ')}` }
  const found = command(state, args)
  return 'code' in found ? (found as Answer) : { code: 0, text: JSON.stringify(found) }
}

/** The value of an option. */
const option = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1] ?? ''
/** Its values, up to the next option. */
function options(args: readonly string[], flag: string): readonly string[] {
  const rest = args.slice(args.indexOf(flag) + 1)
  const end = rest.findIndex(arg => arg.startsWith('--'))
  return end < 0 ? rest : rest.slice(0, end)
}
const arnOf = (family: string, revision: number) =>
  `arn:aws:ecs:ap-south-1:123456789012:task-definition/${family}:${revision}`
const serviceOf = ({ services }: AccountState, name: string) => {
  const service = services[name]
  if (service === undefined) throw new Error(`There is no service ${name}`)
  return service
}
/** What a registered definition has and a new one must not name. */
const READ_ONLY = ['taskDefinitionArn', 'revision', 'status', 'registeredAt', 'registeredBy']

const commands: Readonly<Record<string, (state: AccountState, args: readonly string[]) => object>> = {
  'ecr describe-images'({ images }, args) {
    const tag = option(args, '--image-ids').replace('imageTag=', '')
    if (images.includes(tag)) return { imageDetails: [{ imageTags: [tag] }] }
    const text = 'An error occurred (ImageNotFoundException) when calling the DescribeImages operation'
    return { code: 254, text: `\n${text}` }
  },
  'ecs describe-task-definition'({ definitions, revision }, args) {
    const family = option(args, '--task-definition')
    return {
      taskDefinition: {
        taskDefinitionArn: arnOf(family, revision),
        family,
        revision,
        status: 'ACTIVE',
        requiresAttributes: [{ name: 'x' }],
        compatibilities: ['FARGATE'],
        registeredAt: 1,
        registeredBy: 'arn',
        cpu: '512',
        containerDefinitions: [definitions[family]],
      },
    }
  },
  'ecs register-task-definition'({ registered, revision }, args) {
    const file = option(args, '--cli-input-json').replace('file://', '')
    const definition = JSON.parse(readFileSync(file, 'utf8'))
    const unknown = READ_ONLY.filter(key => key in definition)
    if (unknown.length > 0) return { code: 252, text: `Unknown parameter in input: ${unknown}` }
    registered.push(definition)
    return { taskDefinition: { taskDefinitionArn: arnOf(definition.family, revision + 1) } }
  },
  'ecs describe-services': (state, args) => ({
    services: options(args, '--services').map(name => serviceOf(state, name)),
  }),
  'ecs run-task': () => ({ tasks: [{ taskArn: 'arn:aws:ecs:ap-south-1:123456789012:task/loadcast/m1' }] }),
  'ecs wait': () => ({}),
  'ecs list-tasks'(state, args) {
    const name = option(args, '--service-name')
    const arn = (index: number) => `arn:aws:ecs:ap-south-1:123456789012:task/loadcast/${name}-${index}`
    return { taskArns: serviceOf(state, name).tasks.map((_, index) => arn(index)) }
  },
  'ecs describe-tasks': (state, args) => ({
    tasks: options(args, '--tasks').map(arn => {
      const [name = '', index] = arn.split('/').at(-1)?.split('-') ?? []
      if (index === undefined) return { containers: [state.migration] }
      return { taskDefinitionArn: serviceOf(state, name).tasks[Number(index)] }
    }),
  }),
  'logs filter-log-events': () => ({ events: [{ message: 'Migration 0003 applied in 12 ms.' }] }),
  'ssm put-parameter': () => ({ Version: 2 }),
}
