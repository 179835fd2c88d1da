// Opens many sockets, each with a subscription that nothing happens to.
import { openLightClient } from '../light-client.ts';
import { subscribeMessage } from '../watched-task.ts';
import { finish, inParallel, reach, readSpec } from './load.ts';

export interface IdleSpec {
  readonly url: string;
  readonly token?: string;
  readonly graphql: boolean;
  readonly taskIds: readonly string[];
  readonly warmUp: number;
  readonly sockets: number;
}

const { url, token, graphql, taskIds, warmUp, sockets } = readSpec<IdleSpec>();

async function open(count: number): Promise<void> {
  await inParallel(Array.from({ length: count }), 50, async (_, index) => {
    const first = Promise.withResolvers<void>();
    const client = await openLightClient(url, { token, graphql }, () => first.resolve());
    client.send(subscribeMessage(1, taskIds[index % taskIds.length] as string));
    await first.promise;
  });
}

// What is paid once, whoever comes.
await open(warmUp);
await reach('warm');
await open(sockets);
await reach('open');
finish({});
