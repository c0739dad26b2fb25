/*
 * Express gives every request and response its own prototype. V8 then treats such an object as unknown and reads its
 * properties the slow way, in Express, Node and our code. That was more than half of the cost of a bare route. Here
 * Node creates the objects with these prototypes from the start, so Express has nothing to change.
 */
import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { Exchange, type Tracked } from './traffic/exchange.js'
import { connectionOf, sizeOf } from './traffic/traffic.js'

/** The options of Node's `createServer` for the classes of requests and responses. */
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

/** Classes for `app`. It also accepts other requests and responses, the slow way. */
export function messagesOf(app: Express): Messages {
  const messages = createMessages()
  // Express takes its prototypes from `app.request` and `app.response`, and documents that apps may change them.
  app.request = Object.setPrototypeOf(messages.IncomingMessage.prototype, app.request)
  app.response = Object.setPrototypeOf(messages.ServerResponse.prototype, app.response)
  return messages
}
