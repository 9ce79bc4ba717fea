import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('page', import.meta.url)),
  // Relative, so that the page works under whatever path a proxy serves it.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    // Nothing stands in the text of the page: its Content-Security-Policy refuses that.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What the licences of its parts ask for.
    license: { fileName: 'licenses.md' },
    target: 'es2022',
  },
});
