import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type Plugin, type Rolldown } from 'vite';

// `npm run build:web` makes dist/web from src/web. `npm run web` serves src/web while it is edited, with the API of a server
// that runs on port 4000.

const api = process.env.GROUNDCREW_URL ?? 'http://127.0.0.1:4000';
const outDir = 'dist/web';
/** Bytes, compressed: index.html and all that every page needs. What is imported later, when it is used, does not count. */
const firstLoadLimit = 200_000;

export default defineConfig({
  root: 'src/web',
  // A parser and a printer without the rest of `graphql`: all that the client needs of it, at a quarter of the size.
  resolve: { alias: [{ find: /^graphql$/, replacement: '@0no-co/graphql.web' }] },
  build: { outDir: '../../dist/web', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
  plugins: [tailwindcss(), withoutInjectedStyle(), firstScripts(), compress()],
  server: { proxy: { '/graphql': { target: api, ws: true }, '/login': { target: api, bypass: passForms } } },
});

/** The form goes to the server; the page at the same path comes from Vite. */
function passForms({ method }: { method?: string }): string | undefined {
  return method === 'POST' ? undefined : '/index.html';
}

/** sonner adds its style to the document by itself, which the page's Content-Security-Policy forbids. We import it as a file. */
function withoutInjectedStyle(): Plugin {
  const call = /^__insertCSS\(".*"\);$/m;
  return {
    name: 'without-injected-style',
    transform(code, id) {
      if (!/sonner\/dist\/index\.mjs/.test(id)) return undefined;
      if (!call.test(code)) this.error('sonner injects its style in another way than before.');
      return { code: code.replace(call, ''), map: null };
    },
  };
}

/**
 * Nothing is painted before the first script has run, which knows the theme that the visitor has chosen. The script that it
 * imports, and which shows the page, is loaded beside it.
 */
function firstScripts(): Plugin {
  return {
    name: 'first-scripts',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle = {} }) => {
        const names = Object.values(bundle)
          .filter(isMain)
          .flatMap(({ fileName, imports }) => [fileName, ...imports])
          .filter((name) => !html.includes(name));
        const links = names.map((name) => `<link rel="modulepreload" crossorigin href="/${name}">`);
        return html
          .replace('<script type="module"', '<script type="module" blocking="render"')
          .replace('</head>', `${links.join('')}</head>`);
      },
    },
  };
}

/** Whether it is what `start.ts` imports once it has run. */
function isMain(chunk: Rolldown.OutputChunk | Rolldown.OutputAsset): chunk is Rolldown.OutputChunk {
  return chunk.type === 'chunk' && chunk.isDynamicEntry && chunk.name === 'main';
}

/** Writes each file also in compressed form, and fails when the first load is too large. */
function compress(): Plugin {
  const firstNames = new Set<string>();
  return {
    name: 'compress',
    apply: 'build',
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle))
        if (chunk.type === 'chunk' && (chunk.isEntry || isMain(chunk))) addChunk(chunk);
      function addChunk(chunk: Rolldown.OutputChunk): void {
        firstNames.add(chunk.fileName);
        for (const name of chunk.viteMetadata?.importedCss ?? []) firstNames.add(name);
        for (const name of chunk.imports) {
          const imported = bundle[name];
          if (imported?.type === 'chunk' && !firstNames.has(name)) addChunk(imported);
        }
      }
    },
    async closeBundle() {
      const names = await readdir(outDir, { recursive: true });
      let firstLoad = 0;
      for (const name of names.filter((each) => /\.(js|css|html|svg)$/.test(each))) {
        const file = join(outDir, name);
        const body = readFileSync(file);
        const [br, gz] = await Promise.all([
          promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } }),
          promisify(gzip)(body, { level: 9 }),
        ]);
        writeFileSync(`${file}.br`, br);
        writeFileSync(`${file}.gz`, gz);
        const isFirst = firstNames.has(name) || !name.startsWith('assets');
        if (isFirst) firstLoad += gz.byteLength;
        else this.info(`later: ${name}, ${Math.ceil(gz.byteLength / 1_000)} kB with gzip`);
      }
      this.info(`first load: ${Math.ceil(firstLoad / 1_000)} kB with gzip`);
      if (firstLoad > firstLoadLimit) this.error(`The first load is larger than ${firstLoadLimit} bytes.`);
    },
  };
}
