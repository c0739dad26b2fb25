import { type App, Tags, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import type { Config } from './config.ts'
import { FoundationStack } from './foundation-stack.ts'
import { NAME } from './names.ts'
import { PipelineStack } from './pipeline-stack.ts'
import { ServiceStack } from './service-stack.ts'

/** Adds all stacks; cdk-nag checks them when they are synthesized. */
export function addStacks(app: App, config: Config) {
  const foundation = new FoundationStack(app, config)
  const service = new ServiceStack(app, config, foundation)
  const pipeline = new PipelineStack(app, config, foundation)
  Tags.of(app).add('application', NAME)
  addChecks(app)
  return { foundation, service, pipeline }
}

/** Adds the checks. A finding that is not acknowledged fails the synthesis. */
export function addChecks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }))
}
