import { Client } from 'pg';

/** Listens on a connection of its own, as Groundcrew does, and does nothing else. */
export async function listen(
  url: string,
  channel: string,
  onPayload: (payload: string) => void,
): Promise<void> {
  const client = new Client(url);
  await client.connect();
  client.on('notification', ({ payload = '' }) => onPayload(payload));
  await client.query(`listen ${channel}`);
}
