/* Names that the pipeline, the runbook and the stacks share. `.github/workflows/deploy.yml` contains them too. */
export const NAME = 'loadcast'
export const PORT = 3000
export const SERVICES = ['api', 'worker'] as const
export type ServiceName = (typeof SERVICES)[number]
/** Tasks that run once: `migrate` for each release, and `operations` when an operator starts it. */
export const ONE_OFF_TASKS = ['migrate', 'operations'] as const
/** The parameter with the tag of the running image. A change of the infrastructure starts exactly that image again. */
export const IMAGE_TAG_PARAMETER = '/loadcast/image-tag'
export const METRICS = 'Loadcast'
