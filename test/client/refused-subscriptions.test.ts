import { gql } from '@urql/core';
import { expect, test } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { createGroundcrew, type Groundcrew } from '../../src/client/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const id = 'task_1';
const failed = (code: string) => [{ message: `failed: ${code}`, extensions: { code } }];
const refused = (code: string) => ({ type: 'error', payload: failed(code) }) as const;
const lost = (data: unknown, code = 'INTERNAL_SERVER_ERROR') =>
  ({ type: 'next', payload: { data, errors: failed(code) } }) as const;
const revision = (number: number) =>
  ({
    type: 'next',
    payload: {
      data: { taskUpdated: { __typename: 'Task', id, revision: number, groundcrewRevision: number } },
    },
  }) as const;

/** Each subscription gets the next of these answers. */
async function serve(
  ...answers: Answer[]
): Promise<AsyncDisposable & { server: ScriptedServer; groundcrew: Groundcrew }> {
  const server = await startScriptedServer({ onSubscribe: (nth) => answers[nth] ?? [] });
  const groundcrew = createGroundcrew({ url: server.url, token: 'any' });
  return {
    server,
    groundcrew,
    async [Symbol.asyncDispose]() {
      await groundcrew.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function watched(groundcrew: Groundcrew, last: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
    seen.push(task.revision);
    if (task.revision === last) break;
  }
  return seen;
}

/** The same over urql, with a document that knows nothing of revisions' resumption. */
function overUrql(groundcrew: Groundcrew) {
  const seen: number[] = [];
  const errors: (string | undefined)[] = [];
  const document = gql`subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { id revision } }`;
  const { unsubscribe } = pipe(
    groundcrew.urql.subscription(document, { id }),
    subscribe(({ data, error }) => {
      if (error)
        errors.push((error.graphQLErrors[0]?.extensions.code as string | undefined) ?? error.message);
      else seen.push(data.taskUpdated.revision);
    }),
  );
  return { seen, errors, unsubscribe };
}

const after = ({ subscribed }: ScriptedServer) =>
  subscribed.map(({ variables }) => variables.groundcrewAfterRevision);

const troubles: [string, Answer][] = [
  ['refuses it', [refused('INTERNAL_SERVER_ERROR')]],
  ['closes with 4500', 4500],
  ['closes with 1011', 1011],
];
test.each(troubles)('watches on when the server %s for now', async (_what, trouble) => {
  await using both = await serve(trouble, trouble, [revision(1), revision(2)]);
  expect(await watched(both.groundcrew, 2)).toEqual([1, 2]);
  expect(both.server.subscribed).toHaveLength(3);
});

test.each(troubles)('goes on with urql when the server %s for now', async (_what, trouble) => {
  await using both = await serve(trouble, trouble, [revision(1)]);
  const { seen, errors, unsubscribe } = overUrql(both.groundcrew);
  await waitFor(() => seen.length + errors.length > 0);
  expect([seen, errors]).toEqual([[1], []]);
  unsubscribe();
});

test.each([
  ['no data', null],
  ['no task', { taskUpdated: null }],
  ['a part of it', { taskUpdated: { __typename: 'Task', id, revision: 2, groundcrewRevision: 2 } }],
])('asks again for a revision that came as an error with %s', async (_what, data) => {
  const answers: Answer[] = [
    [revision(1), lost(data), revision(3)],
    [refused('INTERNAL_SERVER_ERROR')],
    [revision(2), revision(3)],
  ];
  await using both = await serve(...answers);
  expect(await watched(both.groundcrew, 3)).toEqual([1, 2, 3]);
  expect(after(both.server)).toEqual([0, 1, 1]);

  await using other = await serve(...answers);
  const { seen, errors, unsubscribe } = overUrql(other.groundcrew);
  await waitFor(() => seen.at(-1) === 3);
  expect([seen, errors]).toEqual([[1, 2, 3], []]);
  expect(after(other.server)).toEqual([0, 1, 1]);
  unsubscribe();
});

test.each(['NOT_FOUND', 'BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED', 'QUERY_TOO_COMPLEX'])(
  'ends with %s',
  async (code) => {
    const ends: Answer[] = [[refused(code)], [lost(null, code), revision(2)]];
    for (const answer of ends) {
      await using both = await serve(answer);
      await expect(watched(both.groundcrew, 2)).rejects.toMatchObject({ name: 'GroundcrewError', code });
      await using other = await serve(answer);
      const { seen, errors } = overUrql(other.groundcrew);
      await waitFor(() => errors.length > 0);
      // What comes behind a lost revision would hide it.
      await other.groundcrew.close();
      expect([seen, errors]).toEqual([[], [code]]);
      expect([...both.server.subscribed, ...other.server.subscribed]).toHaveLength(2);
    }
  },
);

test('asks queries again once a list that cannot resume is watched again', async () => {
  await using both = await serve([refused('INTERNAL_SERVER_ERROR')]);
  const names: string[] = [];
  const query = pipe(
    both.groundcrew.urql.query(gql`{ viewer { name } }`, {}),
    subscribe(({ data }) => void names.push(data.viewer.name)),
  );
  await waitFor(() => names.length === 1);
  const tasks = both.groundcrew.watchTasks();
  await waitFor(() => names.at(-1) === '2');
  expect(both.server.subscribed).toHaveLength(2);
  query.unsubscribe();
  await tasks.return?.();
});

test('says that a token is wrong which cannot change', async () => {
  await using server = await startScriptedServer({ onConnect: () => 4403 });
  const groundcrew = createGroundcrew({ url: server.url, token: 'wrong' });
  await expect(groundcrew.watchTask(id).next()).rejects.toMatchObject({
    name: 'GroundcrewError',
    code: 'UNAUTHENTICATED',
  });
  await expect(groundcrew.whenReady(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  const { errors } = overUrql(groundcrew);
  await waitFor(() => errors.length > 0);
  expect(errors).toEqual(['UNAUTHENTICATED']);
  expect(server.connections).toHaveLength(3);
  await groundcrew.close();
});

test('asks for another token when one has run out', async () => {
  await using server = await startScriptedServer({
    onConnect: (nth) => (nth < 2 ? 4403 : undefined),
    onSubscribe: () => [revision(1)],
  });
  let asked = 0;
  const groundcrew = createGroundcrew({ url: server.url, token: () => `token ${++asked}` });
  expect(await watched(groundcrew, 1)).toEqual([1]);
  expect(server.connections).toEqual([1, 2, 3].map((n) => ({ authorization: `Bearer token ${n}` })));
  await groundcrew.close();
});
