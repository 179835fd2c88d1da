import { gql } from '@urql/core';
import { describe, expect, it, vi } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { createGroundcrew } from '../../src/client/client.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { startScriptedServer } from './scripted-server.ts';

const document = gql`subscription { tasksUpdated { id revision } }`;

describe('a client without a token', () => {
  it('sends no credentials, so that the browser sends its cookie', async () => {
    await using server = await startScriptedServer({});
    const groundcrew = createGroundcrew({ url: server.url });
    const watch = groundcrew.watchTask('task_1');
    await waitFor(() => server.connections.length === 1);
    expect(server.connections).toEqual([{}]);
    await watch.return?.();
    await groundcrew.close();
  });

  it('calls onUnauthenticated when the server rejects the cookie', async () => {
    await using server = await startScriptedServer({ onConnect: () => 4403 });
    const onUnauthenticated = vi.fn();
    const groundcrew = createGroundcrew({ url: server.url, onUnauthenticated });
    const { unsubscribe } = pipe(
      groundcrew.urql.subscription(document, {}),
      subscribe(() => {}),
    );
    await waitFor(() => onUnauthenticated.mock.calls.length > 0);
    expect(onUnauthenticated).toHaveBeenCalledTimes(1);
    expect(server.connections).toHaveLength(1);
    unsubscribe();
    await groundcrew.close();
  });
});

describe('the state of the connection', () => {
  it('is lost from a closed socket until the next one is acknowledged', async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await startScriptedServer({
      onSubscribe: (nth) => (nth === 0 ? 1013 : []),
      onConnect: (nth) => (nth === 1 ? 1013 : undefined),
    });
    const groundcrew = createGroundcrew({ url: server.url });
    const states = [groundcrew.connection.getState()];
    groundcrew.connection.onChange(() => {
      states.push(groundcrew.connection.getState());
      if (states.filter((state) => state === 'connected').length === 2) gate.resolve();
    });
    const { unsubscribe } = pipe(
      groundcrew.urql.subscription(document, {}),
      subscribe(() => {}),
    );
    await gate.promise;
    expect(states).toEqual(['idle', 'connected', 'lost', 'connected']);
    unsubscribe();
    await waitFor(() => groundcrew.connection.getState() === 'idle');
    await groundcrew.close();
  });

  it('stays connected on the same socket when a check is answered', async () => {
    await using server = await startScriptedServer({});
    const groundcrew = createGroundcrew({ url: server.url });
    const watch = groundcrew.watchTasks();
    await waitFor(() => groundcrew.connection.getState() === 'connected');
    groundcrew.connection.check();
    await waitFor(() => server.pings === 1);
    groundcrew.connection.check();
    await waitFor(() => server.pings === 2);
    expect(groundcrew.connection.getState()).toBe('connected');
    expect(server.connections).toHaveLength(1);
    await watch.return?.();
    await groundcrew.close();
  });

  it('is connected again on a new socket when the answer to a check does not come', async () => {
    await using server = await startScriptedServer({ answersPings: false });
    const groundcrew = createGroundcrew({ url: server.url });
    const watch = groundcrew.watchTasks();
    await waitFor(() => groundcrew.connection.getState() === 'connected');
    groundcrew.connection.check();
    await waitFor(() => server.connections.length === 2);
    await waitFor(() => groundcrew.connection.getState() === 'connected');
    await watch.return?.();
    await groundcrew.close();
  });
});

describe('a request', () => {
  it('rejects with NETWORK_ERROR when no answer has come within 35 seconds', async () => {
    await using server = await startScriptedServer({});
    await using proxy = await startSilentProxy(server.url);
    proxy.silent = true;
    const { timeout } = AbortSignal;
    const asked = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout.call(AbortSignal, 100));
    const groundcrew = createGroundcrew({ url: proxy.url });
    await expect(groundcrew.task('task_1')).rejects.toMatchObject({ code: 'NETWORK_ERROR' });
    expect(asked).toHaveBeenCalledWith(35_000);
    asked.mockRestore();
    await groundcrew.close();
  });
});
