import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview } from 'vite';
import { expect, it, onTestFinished, vi } from 'vitest';
import { describeInBrowser, Site } from './browser.ts';

describeInBrowser('examples/react', () => {
  const site = Site.forTests('start');

  it('creates a task and shows its statuses until it is RUNNING', async () => {
    vi.stubEnv('GROUNDCREW_URL', site.app.url);
    const outDir = await mkdtemp(join(tmpdir(), 'groundcrew-example-'));
    onTestFinished(() => rm(outDir, { recursive: true, force: true }));
    const config = {
      configFile: 'examples/react/vite.config.js',
      logLevel: 'silent',
      build: { outDir },
    } as const;
    await build(config);
    const server = await preview({ ...config, preview: { port: 0, host: '127.0.0.1' } });
    onTestFinished(() => server.close());
    vi.unstubAllEnvs();

    const { page } = await site.visitSignedOut();
    page.on('dialog', (dialog) => dialog.accept(site.app.token));
    await page.goto(server.resolvedUrls?.local[0] as string);
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
