import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import {
  type Client,
  type ClientOptions,
  createClient,
  type LoadcastEvent,
} from '../../../src/client/index.js'
import type { Role } from '../../../src/dispatch/api.js'
import { createClient as createCaller } from '../../support/clients.js'
import { until } from '../../support/engine.js'
import { asking, PICKUP, registerTruck, type Truck } from '../../support/fleet.js'
import { startTestApp, type TestApp } from '../../support/server.js'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js'
import { tokenFor } from '../../support/tokens.js'
