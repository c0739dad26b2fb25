/* Names that the pipeline, the runbook and the stacks must agree on. `.github/workflows/deploy.yml` has them too. */
export const NAME = 'loadcast'
export const PORT = 3000
export const SERVICES = ['api', 'worker'] as const
export type ServiceName = (typeof SERVICES)[number]
/** One-off tasks: what a release runs once, and what an operator runs by hand. */
export const ONE_OFF_TASKS = ['migrate', 'operations'] as const
/** Holds the tag of the image that runs: a change of infrastructure starts that one again and none other. */
export const IMAGE_TAG_PARAMETER = '/loadcast/image-tag'
export const METRICS = 'Loadcast'
