import {
  appendFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess } from './support/processes.ts';
import { makeTemporaryFolder } from './support/temporary-folder.ts';

let folder: string;
/** A copy of this project. */
let project: string;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  project = join(folder, 'project');
  await mkdir(project);
  for (const name of ['src', 'scripts', 'package.json']) {
    await cp(name, join(project, name), { recursive: true });
  }
  await symlink(resolve('node_modules'), join(project, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is printed when no command is named. */
async function output(): Promise<readonly string[]> {
  const started = startProcess(['node', 'src/launch.js'], { cwd: project });
  expect(await started.exit).toEqual({ code: 1, signal: null });
  expect(started.stderr).toEqual([expect.stringMatching(/^groundcrew: usage: /)]);
  return started.stdout;
}

async function build(): Promise<string[]> {
  const started = startProcess(['node', 'scripts/build-server.ts'], { cwd: project });
  expect({ exit: await started.exit, stderr: started.stderr }).toEqual({
    exit: { code: 0, signal: null },
    stderr: [],
  });
  return readdir(join(project, 'dist/server'));
}

it('a command runs what npm run build:server has made, which names no folder of the machine that made it, also after the project was moved and a source was touched, until one changes', async () => {
  expect(await output()).toEqual([]);

  const files = await build();
  for (const name of files) {
    const text = await readFile(join(project, 'dist/server', name), 'utf8');
    expect(text.includes(project), `a folder of this machine in ${name}`).toBe(false);
  }
  const [main = ''] = files.filter((name) => name.startsWith('main-'));
  const file = join(project, 'dist/server', main);
  await writeFile(file, `console.log('built');\n${await readFile(file, 'utf8')}`);
  expect(await output()).toEqual(['built']);

  const moved = join(folder, 'moved');
  await rename(project, moved);
  project = moved;
  expect(await output()).toEqual(['built']);

  await utimes(join(project, 'src/config.ts'), new Date(), new Date());
  expect(await output()).toEqual(['built']);
  await appendFile(join(project, 'src/config.ts'), '\n');
  expect(await output()).toEqual([]);

  expect((await build()).filter((name) => name.startsWith('main-'))).toHaveLength(1);
  await writeFile(join(project, 'dist/server/manifest.json'), '{ "entry": 1 }');
  expect(await output()).toEqual([]);
  await rm(join(project, 'dist'), { recursive: true });
  expect(await output()).toEqual([]);
});
