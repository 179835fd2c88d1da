import { Client } from 'pg';
import { startEmbedded } from '../../../src/db/embedded/start.ts';
import { createLogger } from '../../../src/log.ts';

/** A process that holds an embedded database, for tests that kill it: `node hold-embedded.ts DATA_DIR`. */
const [dataDir = ''] = process.argv.slice(2);
try {
  const embedded = await startEmbedded({ dataDir, logger: createLogger('warn') });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      const client = new Client(embedded.url);
      await client.connect();
      await client.query('SELECT 1');
      await client.end();
      console.log('still answered after the signal');
      await embedded.stop();
      console.log('stopped');
    });
  }
  console.log(`ready ${embedded.url}`);
} catch (error) {
  console.log(`failed ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
