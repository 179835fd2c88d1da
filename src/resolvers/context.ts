import type { Hub } from '../realtime/hub.ts';
import type { TaskDefaults } from '../tasks/create-task.ts';
import type { RateLimit } from '../tasks/domain/viewer.ts';
import type { View } from '../tasks/store/view/view.ts';
import type { Loaders } from './loaders.ts';

/** What resolvers are given. Made once for each operation, so nothing in it remembers what it has read. */
export interface Context {
  /** The database as the viewer sees it. There is no other way from here to the database. */
  readonly view: View;
  readonly taskDefaults: TaskDefaults;
  readonly hub: Hub;
  readonly loaders: Loaders;
  /** What the viewer's points are, with this operation. */
  readonly rateLimit: RateLimit;
  /** To be called with the id of a token that was revoked. Resolves once no server accepts it. */
  readonly tokenEnded: (id: string) => Promise<void>;
}
