/*
 * Jest loads this file by itself, without its transform: hence plain JavaScript, and tsx for what it imports.
 */
import { tsImport } from 'tsx/esm/api'

// biome-ignore lint/style/noDefaultExport: jest asks for one
export default async function globalSetup() {
  const { startTestServer } = await tsImport('./test-server.ts', import.meta.url)
  globalThis.loadcastTestServer = await startTestServer()
}
