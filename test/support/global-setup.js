/*
 * Jest loads this file without its transform. It is therefore plain JavaScript, and uses tsx for its imports.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tsImport } from 'tsx/esm/api'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

// biome-ignore lint/style/noDefaultExport: jest asks for one
export default async function globalSetup() {
  const { startTestServer } = await tsImport('./database/test-server.ts', import.meta.url)
  const [server, build] = await Promise.allSettled([startTestServer(), compile()])
  if (server.status === 'rejected') throw server.reason
  globalThis.loadcastTestServer = server.value
  if (build.status === 'fulfilled') return
  await server.value.stop() // Jest calls no teardown when the setup fails.
  throw build.reason
}

/** Builds the program of `npm start` once, because the many servers that tests start would each build it again. */
async function compile() {
  const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']
  try {
    await promisify(execFile)(process.execPath, args, { cwd: ROOT })
  } catch (error) {
    throw new Error(`It does not compile:\n${error.stdout}`, { cause: error })
  }
}
