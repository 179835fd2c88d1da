import { Client } from 'pg';

/** Listens for revisions as our own listener does, and does nothing else. */
export async function listen(
  url: string,
  onWakeUp: (taskId: string, revision: number) => void,
): Promise<void> {
  const client = new Client(url);
  await client.connect();
  client.on('notification', ({ payload = '' }) => {
    for (const line of payload.split('\n')) {
      const [taskId = '', revision] = line.split(' ');
      onWakeUp(taskId, Number(revision));
    }
  });
  await client.query('listen groundcrew_task');
}
