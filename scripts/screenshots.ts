import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createGroundcrew, type Groundcrew } from '../src/client/client.ts';
import { startEmbedded } from '../src/db/embedded/start.ts';
import { createLogger } from '../src/log.ts';
import { migrate } from '../src/tables/migrate.ts';
import { createGitRepository } from '../test/support/git-repository.ts';
import { apiUrl, GroundcrewProcesses } from '../test/support/groundcrew-processes.ts';
import { StoredTasks } from '../test/support/stored-tasks.ts';
import { makeTemporaryFolder } from '../test/support/temporary-folder.ts';
import { eventsToRunning } from '../test/tasks/domain/machine-states.ts';
import { launchChromium } from '../test/web/chromium.ts';
import { edit, type GivenItem, storeConversation, storeRequest } from '../test/web/stored-conversation.ts';

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
  /** Pixels; 720 by default. */
  readonly height?: number;
  /** Shown on a phone too. */
  readonly onPhone?: true;
  /** What is there once the page is complete. */
  readonly ready: (page: Page) => Promise<unknown>;
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const data = await makeTemporaryFolder();
  stack.defer(() => rm(data, { recursive: true, force: true }));
  const database = await startEmbedded({ dataDir: data, logger: createLogger('error') });
  stack.defer(() => database.stop());
  await migrate(database.url);
  const stored = stack.use(await StoredTasks.connect(database.url));
  // Before there is a worker that could take its task.
  const talking = await storeTalk(stored);
  const processes = stack.use(
    await GroundcrewProcesses.create({
      DATABASE_URL: database.url,
      GROUNDCREW_PROVIDERS: 'local,./bench/hanging-provider.mjs',
    }),
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
  const scenes = await makeScenes(groundcrew, path, talking);
  const browser = await launchChromium();
  stack.defer(() => browser.close());
  await mkdir(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const scene of scenes) await shoot(browser, url, scene, colorScheme);
  }
}

const wish = 'The health check of the payment service should ask the database';
const answer = `The health check said \`ok\` whatever had happened. Now it **asks the database**:

- \`GET /health\` answers \`503\` while the database is away.
- An answer is kept for a second, so that many checks cost one query.

I would like to run the tests before I finish.`;

/** What an agent with a model says; the demo agent has little to tell. */
const talk: readonly GivenItem[] = [
  ['user_message', wish, { promptId: 'prompt' }],
  [
    'plan',
    '',
    {
      entries: [
        { content: 'Find out what the check answers now', status: 'completed', priority: 'high' },
        { content: 'Ask the database', status: 'completed', priority: 'high' },
        { content: 'Run the tests', status: 'in_progress', priority: 'medium' },
      ],
    },
  ],
  ['tool_call', '', { ...edit[2], input: null, locations: [] }],
  ['agent_message', answer, {}],
];

/** Stores a task with a conversation that waits for an answer, and returns its id. */
async function storeTalk(stored: StoredTasks): Promise<string> {
  const task = await stored.create({ repoUrl: 'https://github.com/example/payments', prompt: wish });
  const name = { title: 'Health check that asks the database', branchName: 'groundcrew/health-check' };
  const events = eventsToRunning(task).map((each) =>
    each.type === 'nameSettled' ? { ...each, ...name } : each,
  );
  await stored.change(task.id, ...events);
  const sessionId = await storeConversation(stored, task.id, talk);
  await stored.sql(`update prompt set state = 'done' where session_id = ?`, [sessionId]);
  await storeRequest(stored, sessionId, 'Run npm test');
  return task.id;
}

async function makeScenes(groundcrew: Groundcrew, repoUrl: string, talking: string): Promise<Scene[]> {
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
    {
      name: 'conversation',
      path: `/tasks/${talking}`,
      height: 1_020,
      onPhone: true,
      async ready(page) {
        const log = page.getByRole('log', { name: 'Transcript' });
        await log.getByText('asks the database').waitFor();
        await log.getByText('Edit src/health.ts').click();
        await log.getByRole('insertion').first().waitFor();
        await page.getByRole('group', { name: 'Run npm test' }).waitFor();
        // Where its visitor would scroll to.
        await page
          .getByRole('heading', { name: 'Sessions' })
          .evaluate((heading) => scrollTo({ top: heading.getBoundingClientRect().top + scrollY - 72 }));
      },
    },
  ];
}

async function shoot(browser: Browser, url: string, scene: Scene, colorScheme: 'light' | 'dark') {
  const { height = 720 } = scene;
  const viewports = { '': { width: 1100, height }, '-phone': { width: 360, height: 720 } };
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
    // Nothing is to look as if a pointer was over it.
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(folder, `${scene.name}${suffix}-${colorScheme}.png`) });
    await context.close();
  }
}

await main();
