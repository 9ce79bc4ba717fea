// Serves the page next to this file: node examples/browser/serve.mjs
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const { PORT = '8080' } = process.env;

const server = createServer(async ({ url }, response) => {
  if (url !== '/') {
    response.writeHead(404).end();
    return;
  }
  const page = await readFile(new URL('index.html', import.meta.url));
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
});

server.listen(Number(PORT), 'localhost', () => {
  const address = server.address();
  console.log(`The page is at http://localhost:${typeof address === 'object' ? address?.port : address}`);
});
