/* The registry of all routes. A route that is not listed here is not served. */
import type { PublicRoute, Route } from './route.js'
import { adminRoutes } from './routes/admin.js'
import { authRoutes, sessionRoutes } from './routes/auth.js'
import { customerRoutes } from './routes/customer.js'
import { deviceRoutes } from './routes/devices.js'
import { driverRoutes } from './routes/driver.js'
import { publicRoutes as serviceRoutes } from './routes/service.js'
import { syncRoutes } from './routes/sync.js'
import { transporterRoutes } from './routes/transporter.js'
import { tripRoutes } from './routes/trips.js'

export const routes: readonly Route[] = [
  ...customerRoutes,
  ...transporterRoutes,
  ...driverRoutes,
  ...tripRoutes,
  ...syncRoutes,
  ...deviceRoutes,
  ...sessionRoutes,
  ...adminRoutes,
]

export const publicRoutes: readonly PublicRoute[] = [...serviceRoutes, ...authRoutes]
