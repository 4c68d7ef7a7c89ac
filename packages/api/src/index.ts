export { createApi } from './app.ts';
export type { ApiApp, ApiDeps } from './endpoint.ts';
export { createApiEvents, type ApiEvents } from './events.ts';
export { httpErrors } from './http-errors.ts';
export { startApiServer, type ApiServer, type ApiServerOptions } from './server.ts';
export { apiSettings } from './settings.ts';
