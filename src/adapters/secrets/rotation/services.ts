/*
 * The services that read the secret. ECS injects values only when a task starts, so new values need new tasks. A rotation
 * forces a deployment of the same revision, waits for it, and checks every task.
 */

import { setTimeout as delay } from 'node:timers/promises'
import {
  DeregisterTaskDefinitionCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  type ECSClient,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  type Service,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs'

/** A drain takes up to a minute and a start takes seconds, so a shorter interval shows nothing new. */
const POLL_MS = 5_000
/** A rolling deployment of about ten tasks, each with a drain and a grace period, takes ten minutes. */
const STABLE_MS = 30 * 60_000

export interface ServicesOptions {
  readonly client: ECSClient
  readonly cluster: string
  readonly services: readonly string[]
  readonly pollMs?: number
  readonly stableMs?: number
}

export class Services {
  readonly #options: ServicesOptions

  constructor(options: ServicesOptions) {
    this.#options = options
  }

  get names(): readonly string[] {
    return this.#options.services
  }

  /** Throws with the names of the services that do not exist. */
  async check(): Promise<void> {
    await this.#describe()
  }

  /** Replaces every task of `service` and resolves when all that run are new. Throws if the deployment fails. */
  async redeploy(service: string): Promise<void> {
    const { client, cluster } = this.#options
    const answer = await client.send(new UpdateServiceCommand({ cluster, service, forceNewDeployment: true }))
    const deployment = answer.service?.deployments?.find(({ status }) => status === 'PRIMARY')?.id
    if (deployment === undefined) throw new Error(`ECS started no deployment of ${service}`)
    await this.#untilStable(service, deployment)
    await this.#assertOnlyTasksOf(service, deployment)
  }

  /** Deregisters all revisions of the services' families except those in use, and returns their names. */
  async retireRevisions(): Promise<string[]> {
    const { client } = this.#options
    const described = await this.#describe()
    const inUse = new Set(
      described.flatMap(({ taskDefinition, deployments }) => [
        taskDefinition,
        ...(deployments ?? []).map(deployment => deployment.taskDefinition),
      ]),
    )
    const retired: string[] = []
    for (const family of new Set(described.map(({ taskDefinition }) => familyOf(taskDefinition)))) {
      for (const revision of await this.#activeRevisions(family)) {
        if (inUse.has(revision)) continue
        await client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: revision }))
        retired.push(nameOf(revision))
      }
    }
    return retired
  }

  async #describe(): Promise<Service[]> {
    const { client, cluster, services } = this.#options
    const answer = await client.send(new DescribeServicesCommand({ cluster, services: [...services] }))
    const missing = (answer.failures ?? []).map(({ arn, reason }) => `${arn} (${reason})`)
    if (missing.length > 0) throw new Error(`No such service in ${cluster}: ${missing.join(', ')}`)
    return answer.services ?? []
  }

  async #untilStable(service: string, deployment: string): Promise<void> {
    const { pollMs = POLL_MS, stableMs = STABLE_MS } = this.#options
    for (const deadline = Date.now() + stableMs; Date.now() < deadline; await delay(pollMs)) {
      const found = (await this.#describe()).find(({ serviceName }) => serviceName === service)
      const ours = found?.deployments?.find(({ id }) => id === deployment)
      if (found === undefined || ours === undefined || ours.rolloutState === 'FAILED') {
        throw new Error(`The deployment of ${service} failed and was rolled back. ${BOTH_GOOD}`)
      }
      const isAlone = found.deployments?.length === 1 && found.runningCount === found.desiredCount
      if (isAlone && ours.rolloutState === 'COMPLETED') return
    }
    throw new Error(`${service} was not stable after ${stableMs / 60_000} minutes. ${BOTH_GOOD}`)
  }

  async #assertOnlyTasksOf(service: string, deployment: string): Promise<void> {
    const { client, cluster } = this.#options
    let nextToken: string | undefined
    do {
      const page = await client.send(
        new ListTasksCommand({ cluster, serviceName: service, desiredStatus: 'RUNNING', nextToken }),
      )
      const arns = page.taskArns ?? []
      if (arns.length > 0) {
        const { tasks } = await client.send(new DescribeTasksCommand({ cluster, tasks: arns }))
        const old = (tasks ?? []).filter(task => task.startedBy !== deployment)
        if (old.length > 0) {
          throw new Error(`${old.length} tasks of ${service} started before the deployment. ${BOTH_GOOD}`)
        }
      }
      nextToken = page.nextToken
    } while (nextToken !== undefined)
  }

  async #activeRevisions(family: string): Promise<string[]> {
    const { client } = this.#options
    const revisions: string[] = []
    let nextToken: string | undefined
    do {
      const page = await client.send(
        new ListTaskDefinitionsCommand({ familyPrefix: family, status: 'ACTIVE', nextToken }),
      )
      revisions.push(...(page.taskDefinitionArns ?? []))
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    return revisions
  }
}

/** Tells the operator that stopping here is harmless. */
const BOTH_GOOD = 'Old and new values both work and nothing was retired: fix the cause, then run again'

/** `arn:…:task-definition/loadcast-api:41` → `loadcast-api:41` */
const nameOf = (arn = '') => arn.slice(arn.indexOf('/') + 1)
const familyOf = (arn = '') => nameOf(arn).replace(/:\d+$/, '')
