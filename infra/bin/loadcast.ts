/* The app of `cdk synth` and `cdk deploy`. The context `config` names its configuration. */
import { App } from 'aws-cdk-lib'
import { addStacks } from '../lib/app.ts'
import { loadConfig } from '../lib/config.ts'

const app = new App()
addStacks(app, loadConfig(String(app.node.tryGetContext('config'))))
app.synth()
