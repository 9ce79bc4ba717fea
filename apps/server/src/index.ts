export { type AppOptions, buildApp } from './app.js';
export { type Config, ConfigError, readConfig } from './config.js';
export { type EventsPluginOptions, eventsPlugin, type RouteSettings } from './events-plugin.js';
export { type OpenedStore, openStore } from './open-store.js';
