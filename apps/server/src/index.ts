export { type AppOptions, buildApp, buildOperationsApp } from './app.js';
export { type Config, ConfigError, readConfig } from './config.js';
export { type EventsPluginOptions, eventsPlugin, type RouteSettings } from './events-plugin.js';
export { type OpenedStore, openStore } from './open-store.js';
export { createServices, type Services } from './services.js';
