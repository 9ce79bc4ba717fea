import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pageFolder } from '@ganomede/events-console';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';

export interface ConsolePageOptions {
  /** Where the API is, relative to the page: `../events/v1/`. */
  readonly api: string;
}

/** What the page may load, and from where: from this server alone, and nothing that stands in its text. */
const CONTENT_SECURITY_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const compress = promisify(gzip);

interface PageFile {
  readonly bytes: Buffer;
  readonly compressed: Buffer;
}

/** `GET /console/`: the page that shows what there is, of the files that `@ganomede/events-console` has built. */
export const consolePage: FastifyPluginAsync<ConsolePageOptions> = async (fastify, { api }) => {
  /** By name, from the first request on; they stay as they are. */
  const files = new Map<string, Promise<PageFile>>();
  const fileOf = (name: string, change = (bytes: Buffer) => bytes) => {
    const file = files.get(name) ?? load(name, change);
    files.set(name, file);
    // What is not there now may have been built at the next request.
    file.catch(() => files.delete(name));
    return file;
  };
  const routeOptions = { config: { access: 'open' }, schema: { hide: true } } as const;

  fastify.get('/console', routeOptions, async (_request, reply) => reply.redirect('console/'));

  fastify.get('/console/', routeOptions, async (request, reply) => {
    const page = await fileOf('index.html', (bytes) => withApi(bytes, api));
    reply.header('Cache-Control', 'no-cache').header('Content-Type', 'text/html; charset=utf-8');
    return sendFile(request, reply, page);
  });

  fastify.get<{ Params: { name: string } }>('/console/assets/:name', routeOptions, async (request, reply) => {
    const { name } = request.params;
    const contentType = CONTENT_TYPES[/^[\w-][\w.-]*\.(\w+)$/.exec(name)?.[1] ?? ''];
    const asset = contentType && (await fileOf(`assets/${name}`).catch(() => undefined));
    if (!asset) throw new EventsError('ResourceNotFound', 'The console has no such file');
    // Its name tells what is in it.
    reply.header('Cache-Control', 'public, max-age=31536000, immutable').header('Content-Type', contentType);
    return sendFile(request, reply, asset);
  });
};

async function load(name: string, change: (bytes: Buffer) => Buffer): Promise<PageFile> {
  const bytes = change(await readFile(new URL(name, pageFolder)));
  return { bytes, compressed: await compress(bytes, { level: 9 }) };
}

/** Tells the page where the API is. */
function withApi(html: Buffer, api: string): Buffer {
  return Buffer.from(html.toString().replace(/(<meta name="events-api" content=")[^"]*/, `$1${api}`));
}

function sendFile({ headers }: FastifyRequest, reply: FastifyReply, file: PageFile): FastifyReply {
  reply.headers(HEADERS).header('Vary', 'Accept-Encoding');
  if (!/\bgzip\b/.test(`${headers['accept-encoding']}`)) return reply.send(file.bytes);
  return reply.header('Content-Encoding', 'gzip').send(file.compressed);
}
