import type { Hub } from '../realtime/hub.ts';
import type { Workspace } from '../tasks/read.ts';
import type { Tasks } from '../tasks/service.ts';

/** Who a request is made as. */
export interface Viewer {
  readonly workspace: Workspace;
}

/** What resolvers are given. Made once for each operation, so nothing in it remembers what it has read. */
export interface Context {
  readonly viewer: Viewer;
  readonly tasks: Tasks;
  readonly hub: Hub;
}
