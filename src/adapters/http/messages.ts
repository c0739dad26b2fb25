/*
 * Express makes every request and response its own by giving them other prototypes. For V8 an object whose prototype was
 * changed is like none it has seen before: whoever reads or adds a property of it from then on, Express, Node or we, takes
 * the slow way. That was more than half of what a bare route costs. Here they have these prototypes when Node makes them,
 * so that nothing is left for Express to change.
 */
import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { Exchange } from './traffic/exchange.js'
import type { Tracked } from './traffic/tracked.js'
import { connectionOf, sizeOf } from './traffic/traffic.js'

/** What Node's `createServer` makes requests and responses of: options of it. */
export type Messages = {
  readonly [Name in 'IncomingMessage' | 'ServerResponse']: NonNullable<ServerOptions[Name]>
}

/** Each response has an exchange from its creation, and notifies it when it is answered and when it has ended. */
export function createMessages(): Messages {
  class Request extends IncomingMessage {}
  class Response<T extends IncomingMessage> extends ServerResponse<T> implements Tracked {
    exchange: Exchange | undefined

    constructor(...args: ConstructorParameters<typeof ServerResponse<T>>) {
      super(...args)
      const connection = connectionOf(args[0].socket)
      this.exchange = connection && new Exchange(connection, this as ServerResponse)
      this.on('close', closed)
    }

    // biome-ignore lint/suspicious/noExplicitAny: Node's own overloads
    override end(...args: any[]): this {
      super.end(...args)
      this.exchange?.answered(sizeOf(args[0]))
      return this
    }
  }
  return { IncomingMessage: Request, ServerResponse: Response }
}

function closed(this: Partial<Tracked>): void {
  this.exchange?.over()
}

/** Those of `app`, which takes others too, the slow way. */
export function messagesOf(app: Express): Messages {
  const messages = createMessages()
  // `app.request` and `app.response` are where Express takes its prototypes from, and documented as changeable.
  app.request = Object.setPrototypeOf(messages.IncomingMessage.prototype, app.request)
  app.response = Object.setPrototypeOf(messages.ServerResponse.prototype, app.response)
  return messages
}
