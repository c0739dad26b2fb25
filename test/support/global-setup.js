/*
 * Jest loads this file without its transform. It is therefore plain JavaScript, and uses tsx for its imports.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { tsImport } from 'tsx/esm/api'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

// biome-ignore lint/style/noDefaultExport: jest asks for one
export default async function globalSetup() {
  const { startTestServer } = await tsImport('./database/test-server.ts', import.meta.url)
  compile()
  globalThis.loadcastTestServer = await startTestServer()
}

/** Builds the program of `npm start` once, because the many servers that tests start would each build it again. */
function compile() {
  const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`It does not compile:\n${stdout}`)
}
