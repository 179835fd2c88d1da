import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../support/processes.ts';
import { describeInBrowser, Site } from './browser.ts';

const viteProgram = 'node_modules/vite/bin/vite.js';

describeInBrowser('examples/react', () => {
  const site = Site.forTests('start');

  it('creates a task and shows its statuses until it is RUNNING', async () => {
    const outDir = await mkdtemp(join(tmpdir(), 'groundcrew-example-'));
    onTestFinished(() => rm(outDir, { recursive: true, force: true }));
    // In processes of their own: the bundler's memory would be copied with each program that later tests start.
    const vite = (command: string, ...options: string[]) =>
      startProcess(
        [
          'node',
          viteProgram,
          command,
          '--config',
          'examples/react/vite.config.js',
          '--outDir',
          outDir,
          ...options,
        ],
        { env: { GROUNDCREW_URL: site.app.url, NO_COLOR: '1' } },
      );
    const build = vite('build');
    expect(await build.exit, build.stderr.join('\n')).toEqual({ code: 0, signal: null });
    await using preview = vite('preview', '--host', '127.0.0.1', '--port', '0');
    const [, url = ''] = await preview.waitForLine(/Local:\s+(http\S+)/);

    const { page } = await site.visitSignedOut();
    page.on('dialog', (dialog) => dialog.accept(site.app.token));
    await page.goto(url);
    await page.getByLabel('Repository').fill('no repository');
    await page.getByLabel('Prompt').fill('Say hello');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Say hello' }).waitFor();
    await page.getByRole('status').getByText('RUNNING', { exact: true }).waitFor();
    expect(await page.getByRole('listitem').allTextContents()).toContain('CREATE_SESSION: SUCCEEDED ');
  });
});
