import { gql } from '@urql/core';
import { describe, expect, it } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { createGroundcrew, type Groundcrew, type GroundcrewError } from '../../src/client/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { failedRevision, refused, revision, serve, taskId } from './served-client.ts';

/** What a subscriber has got so far: revisions, and the codes of errors. */
interface Collected {
  readonly seen: number[];
  readonly errors: unknown[];
}

function collectWatch(groundcrew: Groundcrew): Collected {
  const collected: Collected = { seen: [], errors: [] };
  const collect = async () => {
    for await (const task of groundcrew.watchTask(taskId, { afterRevision: 0 })) {
      collected.seen.push(task.revision);
    }
  };
  collect().catch((error: GroundcrewError) => collected.errors.push(error.code));
  return collected;
}

/** With a document that does not provide for resuming. */
function collectOverUrql(groundcrew: Groundcrew): Collected {
  const collected: Collected = { seen: [], errors: [] };
  const document = gql`subscription ($id: ID!) { taskUpdated(id: $id, afterRevision: 0) { id revision } }`;
  pipe(
    groundcrew.urql.subscription(document, { id: taskId }),
    subscribe(({ data, error }) => {
      if (error) collected.errors.push(error.graphQLErrors[0]?.extensions.code ?? error.message);
      else collected.seen.push(data.taskUpdated.revision);
    }),
  );
  return collected;
}

const startingPoints = ({ subscribed }: ScriptedServer) =>
  subscribed.map(({ variables }) => variables.groundcrewAfter);

const transientFailures: [string, Answer][] = [
  ['answers with INTERNAL_SERVER_ERROR', [refused('INTERNAL_SERVER_ERROR')]],
  ['closes the socket with 4500', 4500],
  ['closes the socket with 1011', 1011],
];

describe.each([
  ['watchTask', collectWatch],
  ['a subscription of urql', collectOverUrql],
])('%s', (_name, collect) => {
  it.each(transientFailures)('continues when the server %s', async (_what, failure) => {
    await using served = await serve(failure, failure, [revision(1), revision(2)]);
    const { seen, errors } = collect(served.groundcrew);
    await waitFor(() => seen.at(-1) === 2 || errors.length > 0);
    expect([seen, errors]).toEqual([[1, 2], []]);
    expect(served.server.subscribed).toHaveLength(3);
  });

  it.each([
    ['no data', null],
    ['no task', { taskUpdated: null }],
    ['a part of the task', { taskUpdated: { id: taskId, revision: 2, groundcrewPosition: 2 } }],
  ])('asks again for a revision that comes with a server error and %s', async (_what, data) => {
    await using served = await serve(
      [revision(1), failedRevision(data), revision(3)],
      [refused('INTERNAL_SERVER_ERROR')],
      [revision(2), revision(3)],
    );
    const { seen, errors } = collect(served.groundcrew);
    await waitFor(() => seen.at(-1) === 3 || errors.length > 0);
    expect([seen, errors]).toEqual([[1, 2, 3], []]);
    expect(startingPoints(served.server)).toEqual([0, 1, 1]);
  });

  it.each(['NOT_FOUND', 'BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED', 'QUERY_TOO_COMPLEX'])(
    'ends when the server refuses it with %s',
    async (code) => {
      await using served = await serve([refused(code)]);
      const { seen, errors } = collect(served.groundcrew);
      await waitFor(() => errors.length > 0);
      expect([seen, errors]).toEqual([[], [code]]);
      expect(served.server.subscribed).toHaveLength(1);
    },
  );

  it('ends at a revision that comes with an error of the request, and shows no later one', async () => {
    await using served = await serve([failedRevision(null, 'QUERY_TOO_COMPLEX'), revision(2)]);
    const { seen, errors } = collect(served.groundcrew);
    await waitFor(() => errors.length > 0);
    await served.groundcrew.close();
    expect([seen, errors]).toEqual([[], ['QUERY_TOO_COMPLEX']]);
  });

  it('ends with UNAUTHENTICATED when the server rejects a fixed token', async () => {
    await using server = await startScriptedServer({ onConnect: () => 4403 });
    const groundcrew = createGroundcrew({ url: server.url, token: 'wrong' });
    const { errors } = collect(groundcrew);
    await waitFor(() => errors.length > 0);
    expect(errors).toEqual(['UNAUTHENTICATED']);
    expect(server.connections).toHaveLength(1);
    await groundcrew.close();
  });

  it('asks its token function again when the server rejects a token', async () => {
    await using server = await startScriptedServer({
      onConnect: (nth) => (nth < 2 ? 4403 : undefined),
      onSubscribe: () => [revision(1)],
    });
    let asked = 0;
    const groundcrew = createGroundcrew({ url: server.url, token: () => `token ${++asked}` });
    const { seen, errors } = collect(groundcrew);
    await waitFor(() => seen.length + errors.length > 0);
    expect([seen, errors]).toEqual([[1], []]);
    expect(server.connections).toEqual([1, 2, 3].map((n) => ({ authorization: `Bearer token ${n}` })));
    await groundcrew.close();
  });
});

describe('watchTasks', () => {
  it('repeats the active queries after it was subscribed again', async () => {
    await using served = await serve([refused('INTERNAL_SERVER_ERROR')]);
    const names: string[] = [];
    pipe(
      served.groundcrew.urql.query(gql`{ viewer { name } }`, {}),
      subscribe(({ data }) => void names.push(data.viewer.name)),
    );
    await waitFor(() => names.length === 1);
    served.groundcrew.watchTasks();
    await waitFor(() => names.at(-1) === '2');
    expect(served.server.subscribed).toHaveLength(2);
  });
});
