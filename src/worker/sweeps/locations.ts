import type { Logger } from '../../log.ts';
import type { Database } from '../../tables/database.ts';
import { findSharedLocations, findStrandedWork } from '../../tasks/store/locations.ts';

/** Says what only an operator can change: work that no worker that runs can do, and data folders that were copied. */
export async function sweepLocations(db: Database, logger: Logger): Promise<void> {
  for (const work of await findStrandedWork(db)) {
    logger.warn({ ...work }, 'tasks wait for a worker of their location, and none runs: start one there');
  }
  for (const shared of await findSharedLocations(db)) {
    logger.warn(
      { ...shared },
      'workers on several machines have the same data folder, or copies of it: remove its folder "locations" on all but one, and restart their workers',
    );
  }
}
