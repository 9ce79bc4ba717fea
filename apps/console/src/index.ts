/** The folder of the built page: `index.html`, and below `assets/` what it loads. Its address ends with a slash. */
export const pageFolder = new URL('../dist/page/', import.meta.url);
