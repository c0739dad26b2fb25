import { Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/** Acknowledges a finding of the checks that will not be fixed, with the reason. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason })
}
