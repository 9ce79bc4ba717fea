import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import pkg from '../../package.json' with { type: 'json' };

export interface OpenapiDocumentOptions {
  /** What the paths of the protocol begin with. */
  readonly path: string;
}

/** Collects the schemas of the routes that come after it. If the app does so already, its collection serves. */
export const openapiDocument = fp(async (fastify: FastifyInstance, { path }: OpenapiDocumentOptions) => {
  if (fastify.hasDecorator('swagger')) return;
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ganomede Events',
        version: pkg.version,
        description:
          'Publish events to named channels, and receive them in order, over plain HTTP. ' +
          `What events are and how they go in and out is described in [AsyncAPI](${path}/asyncapi.json), too.`,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This server' }],
      tags: [
        { name: 'events', description: 'Publish and receive' },
        { name: 'groups', description: 'Share the work: each event for one of the workers of a group' },
        { name: 'indices', description: 'Find events by the value of a field' },
        { name: 'management', description: 'See what there is, and take it away' },
        { name: 'server', description: 'About this server' },
        { name: 'operations', description: 'For those who run the server' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'The API secret, or a token' },
          query: { type: 'apiKey', in: 'query', name: 'secret', description: 'The same in the URL' },
        },
      },
    },
  });
});
