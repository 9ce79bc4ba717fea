export { type AppOptions, buildApp } from './app.js';
export { type EventsPluginOptions, eventsPlugin, type RouteSettings } from './events-plugin.js';
export { type Config, ConfigError, readConfig } from './process/config.js';
export { type OpenedStore, openStore } from './process/open-store.js';
export { type RunningServer, type StartServerOptions, startServer } from './process/start-server.js';
