import type { Logger } from '../../log.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { Server } from './server.ts';

const maxCrashes = 5;
const crashWindowMs = 60_000;

export interface Supervised {
  /** Never rejects. Undefined after `stop`; the reason when the server ended too often or could not be started. */
  readonly exited: Promise<EmbeddedPostgresError | undefined>;
  stop(): Promise<void>;
}

/** Starts the server again when it ends by itself, up to five times a minute. */
export function supervise(first: Server, relaunch: () => Promise<Server>, logger: Logger): Supervised {
  let server = first;
  let stopping = false;

  const run = async (): Promise<EmbeddedPostgresError | undefined> => {
    let crashes: number[] = [];
    for (;;) {
      const reason = await server.exited;
      if (!reason || stopping) return undefined;
      const now = performance.now();
      crashes = [...crashes.filter((time) => now - time < crashWindowMs), now];
      if (crashes.length > maxCrashes) return reason;
      logger.error({ err: reason }, 'the embedded database ended by itself: starting it again');
      try {
        server = await relaunch();
      } catch (error) {
        return error instanceof EmbeddedPostgresError
          ? error
          : new EmbeddedPostgresError(String(error), { cause: error });
      }
      // `stop` was called meanwhile, and could only stop the dead server.
      if (stopping) await server.stop();
    }
  };
  const exited = run().then((reason) => {
    if (reason) logger.fatal({ err: reason }, 'the embedded database cannot be kept running');
    return reason;
  });
  return {
    exited,
    async stop() {
      stopping = true;
      await server.stop();
      await exited;
    },
  };
}
