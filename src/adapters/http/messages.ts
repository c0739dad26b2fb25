/*
 * Express makes every request and response its own by giving them other prototypes. For V8 an object whose prototype was
 * changed is like none it has seen before: whoever reads or adds a property of it from then on, Express, Node or we, takes
 * the slow way. That was more than half of what a bare route costs. Here they have these prototypes when Node makes them,
 * so that nothing is left for Express to change.
 */
import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http'
import type { Express } from 'express'

/** What Node's `createServer` makes requests and responses of: options of it. */
export type Messages = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>

/** Those of `app`, which takes others too, the slow way. */
export function messagesOf(app: Express): Messages {
  class Request extends IncomingMessage {}
  class Response<T extends IncomingMessage> extends ServerResponse<T> {}
  // `app.request` and `app.response` are where Express takes its prototypes from, and documented as changeable.
  app.request = Object.setPrototypeOf(Request.prototype, app.request)
  app.response = Object.setPrototypeOf(Response.prototype, app.response)
  return { IncomingMessage: Request, ServerResponse: Response }
}
