// Writes the built declarations without what TypeScript 4.2 does not understand: services that use the client need not be
// on a new compiler. The bundler marks each exported type (`export { type Callback }`), which says nothing in a
// declaration file.
import { readFileSync, writeFileSync } from 'node:fs';

for (const name of ['index.d.ts', 'index.d.cts']) {
  const file = new URL(`./dist/${name}`, import.meta.url);
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(/^ *(?:im|ex)port \{.*\}/gm, (names) => names.replace(/(?<=[{,] )type /g, '')),
  );
}
