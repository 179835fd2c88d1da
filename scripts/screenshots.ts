import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createGroundcrew, type Groundcrew } from '../src/client/client.ts';
import { createGitRepository } from '../test/support/git-repository.ts';
import { apiUrl, GroundcrewProcesses } from '../test/support/groundcrew-processes.ts';
import { launchChromium } from '../test/web/chromium.ts';

// `npm run screenshots` makes the images of docs/images: the main states of the page, light and dark, and on a phone. It
// starts an installation of its own, and needs a Chromium.

const folder = process.argv[2] ?? 'docs/images';
const prompts = [
  'Add a health check to the payment service',
  'Find out why the nightly build has become slow',
  'Replace the date picker by the one of the design system',
  'Write a test for the import of large files',
  'Explain how sessions are stored',
];

interface Scene {
  readonly name: string;
  readonly path: string;
  /** Shown on a phone too. */
  readonly onPhone?: true;
  /** What is there once the page is complete. */
  readonly ready: (page: Page) => Promise<unknown>;
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const processes = stack.use(
    await GroundcrewProcesses.create({ GROUNDCREW_PROVIDERS: 'local,./bench/hanging-provider.mjs' }),
  );
  const repository = stack.use(await createGitRepository());
  const server = processes.start('start');
  // Ends its agents too, before the rest of the group is killed.
  stack.defer(async () => {
    server.kill('SIGTERM');
    await server.exit;
  });
  const url = await apiUrl(server);
  const groundcrew = createGroundcrew({ url, token: GroundcrewProcesses.token });
  stack.defer(() => groundcrew.close());
  // Its last part is what the page shows.
  const path = join(processes.dataDir, 'webshop');
  repository.git('clone', '--quiet', '--bare', repository.path, path);
  const scenes = await makeScenes(groundcrew, path);
  const browser = await launchChromium();
  stack.defer(() => browser.close());
  await mkdir(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const scene of scenes) await shoot(browser, url, scene, colorScheme);
  }
}

async function makeScenes(groundcrew: Groundcrew, repoUrl: string): Promise<Scene[]> {
  const failed = await groundcrew.createTask({
    repoUrl: `${repoUrl}-old`,
    prompt: 'Upgrade the old website',
  });
  await groundcrew.whenReady(failed.id).catch(() => {});
  const running = [];
  for (const prompt of prompts) running.push(await groundcrew.createTask({ repoUrl, prompt }));
  for (const { id } of running) await groundcrew.whenReady(id);
  await groundcrew.cancelTask(running[2]?.id as string);
  const preparing = await groundcrew.createTask({
    repoUrl,
    prompt: 'Show the price with taxes in the cart',
    provider: 'hanging',
  });
  const history = (page: Page) => page.getByRole('list', { name: 'History' }).getByRole('listitem');
  const hasHistory = (page: Page) => history(page).nth(1).waitFor();
  return [
    {
      name: 'tasks',
      path: '/',
      ready: (page) => page.getByRole('link', { name: 'Upgrade the old website' }).waitFor(),
    },
    { name: 'new-task', path: '/new', ready: (page) => page.getByText('Recent').waitFor() },
    {
      name: 'preparing',
      path: `/tasks/${preparing.id}`,
      onPhone: true,
      ready: (page) => history(page).nth(3).waitFor(),
    },
    { name: 'running', path: `/tasks/${running[0]?.id}`, ready: (page) => history(page).nth(8).waitFor() },
    { name: 'error', path: `/tasks/${failed.id}`, ready: hasHistory },
  ];
}

async function shoot(browser: Browser, url: string, scene: Scene, colorScheme: 'light' | 'dark') {
  const viewports = { '': { width: 1100, height: 720 }, '-phone': { width: 360, height: 720 } };
  for (const [suffix, viewport] of Object.entries(viewports)) {
    if (suffix && !scene.onPhone) continue;
    const context = await browser.newContext({
      baseURL: url,
      colorScheme,
      viewport,
      locale: 'en-US',
      reducedMotion: 'reduce',
    });
    await context.request.post('/login', { form: { token: GroundcrewProcesses.token }, maxRedirects: 0 });
    const page = await context.newPage();
    await page.goto(scene.path);
    await scene.ready(page);
    await page.screenshot({ path: join(folder, `${scene.name}${suffix}-${colorScheme}.png`) });
    await context.close();
  }
}

await main();
