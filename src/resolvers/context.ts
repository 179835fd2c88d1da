import type { Hub } from '../realtime/hub.ts';
import type { Database } from '../tables/database.ts';
import type { TaskDefaults } from '../tasks/create-task.ts';
import type { Workspace } from '../tasks/store/task-queries.ts';
import type { Loaders } from './loaders.ts';

/** Who a request is made as. */
export interface Viewer {
  readonly workspace: Workspace;
}

/** What resolvers are given. Made once for each operation, so nothing in it remembers what it has read. */
export interface Context {
  readonly viewer: Viewer;
  readonly db: Database;
  readonly taskDefaults: TaskDefaults;
  readonly hub: Hub;
  readonly loaders: Loaders;
}
