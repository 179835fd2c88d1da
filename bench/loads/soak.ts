// A mixed load that stays the same however long it runs: from its first minute on, as many tasks are open and as many clients watch.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchGraphql } from '../../test/support/fetch-graphql.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type LightClient, openLightClient } from '../light-client.ts';
import { startTalkingAgents } from '../talking-agents.ts';
import { subscribeMessage } from '../watched-task.ts';
import { finish, readSpec } from './load.ts';

export interface SoakSpec {
  /** Of the API servers, which are asked in turn. */
  readonly urls: readonly string[];
  readonly token: string;
  readonly repoUrl: string;
  /** Where the agents are. */
  readonly port: number;
  /** Longer when something has not happened yet. */
  readonly seconds: number;
  /** Operations a second, one after the other. */
  readonly rate: number;
  /** Tasks that are open at once, and clients that watch. */
  readonly tasks: number;
  readonly clients: number;
}

export interface Soaked {
  readonly operations: number;
  /** The first of them are printed. */
  readonly failures: number;
  /** What must have gone on besides: turns of agents, messages to subscribers, deliveries to the webhook. */
  readonly turns: number;
  readonly messages: number;
  readonly deliveries: number;
}

interface OpenTask {
  readonly id: string;
  readonly sessionId: string;
}

const unreadyStatuses = [
  'INIT_ENQUEUE_PROVISION',
  'INIT_ENSURE_NAME',
  'INIT_CREATE_SANDBOX',
  'INIT_ENSURE_AGENT',
  'INIT_CREATE_SESSION',
];
const { urls, token, repoUrl, port, seconds, rate, ...most } = readSpec<SoakSpec>();
const agents = await startTalkingAgents(port);
const tasks: OpenTask[] = [];
const clients: LightClient[] = [];
const counts = { operations: 0, failures: 0, turns: 0, messages: 0, deliveries: 0 };
/** All operations go to each of the servers in turn. */
const urlOf = (turn: number) => urls[Math.floor(turn / operations.length) % urls.length] as string;

async function ask<T>(query: string, variables: Record<string, unknown>): Promise<T> {
  const { data, errors } = await fetchGraphql(urlOf(counts.operations), token, query, variables);
  if (!data || errors) throw new Error(JSON.stringify(errors));
  return data as T;
}

const taskFields = `id revision status title branchName updatedAt project { id name } error { code message }
  steps { name state attempt startedAt finishedAt } sandbox { id cwd } sessions { id status agent }`;
const pageOf = (filter: object) =>
  ask(
    `query ($filter: TaskFilter) { tasks(first: 20, filter: $filter) { nodes { ${taskFields} } pageInfo { endCursor } } }`,
    { filter },
  );

const operations: readonly ((turn: number) => Promise<unknown>)[] = [
  create,
  () => pageOf({}),
  talk,
  readTask,
  subscribe,
  (turn) => pageOf({ search: `word${turn % 50}` }),
  readTask,
  () => pageOf({ status: ['RUNNING'] }),
  talk,
  readTask,
];

async function create(turn: number): Promise<void> {
  const { createTask } = await ask<{ createTask: { id: string; sessions: [{ id: string }] } }>(
    'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id sessions { id } } }',
    { input: { repoUrl, prompt: `Mend word${turn % 50}`, idempotencyKey: `soak-${turn}` } },
  );
  tasks.push({ id: createTask.id, sessionId: createTask.sessions[0].id });
  const oldest = tasks.length > most.tasks ? tasks.shift() : undefined;
  if (!oldest) return;
  const end = counts.operations % 4 < 2 ? 'cancelTask' : 'archiveTask';
  await ask(`mutation ($id: ID!) { ${end}(id: $id) { id status } }`, { id: oldest.id });
}

async function readTask(turn: number): Promise<void> {
  const task = tasks[turn % tasks.length] as OpenTask;
  await ask(
    `query ($id: ID!) { task(id: $id) { ${taskFields} events(last: 20) { nodes { id revision kind at } } } }`,
    { id: task.id },
  );
}

/** The agent of some session answers its prompt, and gets the next one. */
async function talk(turn: number): Promise<void> {
  const rotated = tasks.map((_, index) => tasks[(turn + index) % tasks.length] as OpenTask);
  for (const { sessionId } of rotated) {
    const agent = agents.get(sessionId.replaceAll('_', '-'));
    if (!agent?.isReady) continue;
    for (let piece = 0; piece < 20; piece += 1) agent.say(`a word or two ${piece} `);
    agent.endTurn();
    counts.turns += 1;
    await ask('mutation ($input: SendPromptInput!) { sendPrompt(input: $input) { id } }', {
      input: { sessionId, text: 'Go on' },
    });
    return;
  }
}

const subscriptions = [
  'subscription { tasksUpdated { __typename } }',
  `subscription ($id: ID!) { transcriptUpdated(sessionId: $id) {
    sequence items { id position } appends { itemId text } } }`,
];

async function subscribe(turn: number): Promise<void> {
  const { id, sessionId } = tasks[turn % tasks.length] as OpenTask;
  const url = `${urlOf(turn).replace('http', 'ws')}/graphql`;
  const client = await openLightClient(url, { token, graphql: true }, () => {
    counts.messages += 1;
  });
  client.send(subscribeMessage(1, id));
  for (const [index, query] of subscriptions.entries()) {
    const payload = { query, variables: { id: sessionId } };
    client.send(JSON.stringify({ id: String(index + 2), type: 'subscribe', payload }));
  }
  clients.push(client);
  if (clients.length > most.clients) clients.shift()?.close();
}

const receiver = createServer((request, response) => {
  counts.deliveries += 1;
  request.resume().on('end', () => response.writeHead(204).end());
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
await ask('mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret } }', {
  input: { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/` },
});
const began = performance.now();
const hasEnded = () => performance.now() - began > seconds * 1_000;
// All of it at least once, however short.
const isIdle = () => Math.min(counts.turns, counts.messages, counts.deliveries) === 0;
for (let turn = 0; !hasEnded() || isIdle(); turn += 1) {
  const wait = began + (turn * 1_000) / rate - performance.now();
  if (wait > 1) await delay(wait);
  counts.operations += 1;
  await operations[turn % operations.length]?.(turn).catch((error: Error) => {
    counts.failures += 1;
    if (counts.failures <= 5) process.stderr.write(`bench: soak: ${error.message}\n`);
  });
}
// The agents end with this process: what a worker still needs them for would be attempted again and again.
await waitFor(async () => {
  const query = 'query ($filter: TaskFilter) { tasks(first: 1, filter: $filter) { nodes { id } } }';
  const { tasks: unready } = await ask<{ tasks: { nodes: unknown[] } }>(query, {
    filter: { status: unreadyStatuses },
  });
  return unready.nodes.length === 0;
});
for (const client of clients) client.close();
finish(counts satisfies Soaked);
