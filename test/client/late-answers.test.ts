import { gql, type TypedDocumentNode } from '@urql/core';
import { expect, it, onTestFinished } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { createGroundcrew } from '../../src/client/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, startScriptedServer } from './scripted-server.ts';
import { taskId } from './served-client.ts';

// What the cache holds when the answer to a mutation or a query comes after later changes of the same objects.

type Document = TypedDocumentNode<Record<string, unknown>, Record<string, unknown>>;

const fields = 'id revision sessions { id status prompts { id text state } }';
const taskQuery: Document = gql`query ($id: ID!) { task(id: $id) { ${fields} } }`;
const listQuery: Document = gql`query { tasks { nodes { id revision } } }`;
const cancelTask: Document = gql`mutation ($id: ID!) { cancelTask(id: $id) { ${fields} } }`;
const createSession: Document = gql`mutation ($id: ID!) {
  createSession(input: { taskId: $id }) { id status task { ${fields} } }
}`;
const taskUpdated: Document = gql`subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 1) { ${fields} } }`;
const tasksUpdated: Document = gql`subscription { tasksUpdated { id revision } }`;
const id = taskId;

const prompt = (state: string) => ({ __typename: 'Prompt', id: 'prompt_1', text: 'Hello', state });
const session = (status: string, prompts: unknown[] = []) => ({
  __typename: 'Session',
  id: 'session_1',
  status,
  prompts,
});
const task = (revision: number, ...sessions: unknown[]) => ({ __typename: 'Task', id, revision, sessions });
const updated = (revision: number, ...sessions: unknown[]) => [
  {
    type: 'next' as const,
    payload: { data: { taskUpdated: { ...task(revision, ...sessions), groundcrewPosition: revision } } },
  },
];

/** What a document without `__typename` shows of it. */
const shown = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (name, each) => (name === '__typename' ? undefined : each)));

/** A client whose answers over HTTP the test gives, each when it wants to. The server answers subscriptions by these messages. */
async function start(...messages: Answer[]) {
  const server = await startScriptedServer({ onSubscribe: (nth) => messages[nth] ?? [] });
  const waiting: ((data: unknown) => void)[] = [];
  const groundcrew = createGroundcrew({
    url: server.url,
    fetch: async () => {
      const data = await new Promise((resolve) => waiting.push(resolve));
      return new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });
    },
  });
  onTestFinished(async () => {
    await groundcrew.close();
    await server[Symbol.asyncDispose]();
  });
  const { urql } = groundcrew;
  async function answer(data: unknown): Promise<void> {
    await waitFor(() => waiting.length > 0);
    waiting.shift()?.(data);
  }
  /** A query that stays open, with its newest data. */
  function show(document: Document) {
    const page: { data?: Record<string, unknown>; results: number } = { results: 0 };
    const { unsubscribe } = pipe(
      urql.query(document, { id }),
      subscribe(({ data }) => {
        page.results += 1;
        if (data) page.data = data;
      }),
    );
    onTestFinished(unsubscribe);
    return page;
  }
  /** Follows a subscription until the test is finished. */
  function follow(document: Document): void {
    onTestFinished(
      pipe(
        urql.subscription(document, { id }),
        subscribe(() => {}),
      ).unsubscribe,
    );
  }
  return { groundcrew, urql, server, answer, show, follow };
}

it('the late answer of sendPrompt leaves the prompt as a later revision of its task has it', async () => {
  const { groundcrew, answer, show, follow } = await start(
    updated(2, session('READY', [prompt('ACCEPTED')])),
  );
  const page = show(taskQuery);
  await answer({ task: task(1, session('READY')) });
  await waitFor(() => page.data !== undefined);
  const sending = groundcrew.sendPrompt({ sessionId: 'session_1', text: 'Hello' });
  follow(taskUpdated);
  await waitFor(() => JSON.stringify(page.data).includes('ACCEPTED'));
  await answer({ sendPrompt: { ...prompt('QUEUED'), createdAt: '2026-01-01T00:00:00Z' } });
  expect(await sending).toMatchObject({ id: 'prompt_1', state: 'QUEUED' });
  expect(page.data).toMatchObject(shown({ task: task(2, session('READY', [prompt('ACCEPTED')])) }));
});

it('the late answer of a mutation of a task leaves a later revision of it', async () => {
  const { urql, answer, show, follow } = await start(updated(3, session('CLOSED')));
  const page = show(taskQuery);
  await answer({ task: task(1, session('READY')) });
  const canceling = urql.mutation(cancelTask, { id }).toPromise();
  follow(taskUpdated);
  await waitFor(() => JSON.stringify(page.data).includes('CLOSED'));
  await answer({ cancelTask: task(2, session('READY')) });
  expect((await canceling).data).toMatchObject(shown({ cancelTask: task(2, session('READY')) }));
  expect(page.data).toMatchObject(shown({ task: task(3, session('CLOSED')) }));
});

it('the answer of a mutation that is newer than what a subscription has brought is shown', async () => {
  const { urql, answer, show, follow } = await start(updated(2, session('READY')));
  const page = show(taskQuery);
  await answer({ task: task(1, session('PENDING_PROVISION')) });
  const canceling = urql.mutation(cancelTask, { id }).toPromise();
  follow(taskUpdated);
  await waitFor(() => JSON.stringify(page.data).includes('READY'));
  await answer({ cancelTask: task(3, session('CLOSED')) });
  await canceling;
  expect(page.data).toMatchObject(shown({ task: task(3, session('CLOSED')) }));
});

it('the late answer of createSession leaves the session as a later revision of its task has it', async () => {
  const { urql, answer, show, follow } = await start(updated(3, session('READY')));
  const page = show(taskQuery);
  await answer({ task: task(1) });
  const creating = urql.mutation(createSession, { id }).toPromise();
  follow(taskUpdated);
  await waitFor(() => JSON.stringify(page.data).includes('READY'));
  const { prompts: _none, ...created } = session('PENDING_PROVISION');
  await answer({ createSession: { ...created, task: task(2, session('PENDING_PROVISION')) } });
  expect((await creating).data).toMatchObject(shown({ createSession: { status: 'PENDING_PROVISION' } }));
  expect(page.data).toMatchObject(shown({ task: task(3, session('READY')) }));
});

it('the late answer of a query leaves a later revision that a subscription has brought', async () => {
  const { urql, answer, show, follow } = await start(
    updated(2, session('READY')),
    updated(4, session('CLOSED')),
  );
  const page = show(taskQuery);
  await answer({ task: task(1, session('PENDING_PROVISION')) });
  await waitFor(() => page.data !== undefined);
  const asking = urql.query(taskQuery, { id }, { requestPolicy: 'network-only' }).toPromise();
  follow(taskUpdated);
  await waitFor(() => JSON.stringify(page.data).includes('READY'));
  await answer({ task: task(1, session('PENDING_PROVISION')) });
  await asking;
  expect(page.data).toMatchObject(shown({ task: task(2, session('READY')) }));
});

it('the late answer of a list that is asked for again after a gap leaves a later revision of a task in it', async () => {
  const list = (revision: number) => ({
    tasks: { __typename: 'TaskConnection', nodes: [{ __typename: 'Task', id, revision }] },
  });
  const message = (revision: number) =>
    [{ type: 'next', payload: { data: { tasksUpdated: { __typename: 'Task', id, revision } } } }] as const;
  // The first socket is closed by the server; the second one brings a change.
  const { server, answer, show, follow } = await start(1013, message(3));
  const page = show(listQuery);
  await answer(list(1));
  follow(tasksUpdated);
  await waitFor(() => server.subscribed.length === 2);
  await waitFor(() => JSON.stringify(page.data).includes('3'));
  const { results } = page;
  await answer(list(2));
  await waitFor(() => page.results > results);
  expect(page.data).toMatchObject(shown(list(3)));
});
