/* `loadcast/client`: the API and the socket for apps, in Node 20 and in browsers. docs/CLIENT.md explains it. */
export type { Api, Synced } from './api.js'
export { type Client, type ClientEvents, type ClientOptions, type Connected, createClient } from './client.js'
export type * from './contract.js'
export type * from './events.js'
export type { CallOptions, TokenSource } from './http.js'
export type { Problem, ProblemCode, Result } from './problem.js'
export type { Watched } from './watches.js'
