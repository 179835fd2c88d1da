import type { Hub } from '../realtime/hub.ts';
import type { TaskCreator, TaskDefaults } from '../tasks/create-task.ts';
import type { RateLimit } from '../tasks/domain/viewer.ts';
import type { View } from '../tasks/store/view/view.ts';
import type { WebhookPolicy } from '../tasks/webhooks.ts';
import { createLoaders, type Loaders } from './loaders.ts';

/** What all operations of a process share. */
export interface Services {
  readonly taskDefaults: TaskDefaults;
  readonly taskCreator: TaskCreator;
  readonly webhookPolicy: WebhookPolicy;
  readonly hub: Hub;
  /** To be called with the id of a token that was revoked. Resolves once no server accepts it. */
  readonly tokenEnded: (id: string) => Promise<void>;
}

/** What resolvers are given. Made for each operation, and for each message of a subscription. */
export class Context {
  readonly services: Services;
  /** The database as the viewer sees it. There is no other way from here to the database. */
  readonly view: View;
  /** What the viewer's points are, with this operation. */
  readonly rateLimit: RateLimit;
  #loaders: Loaders | undefined;

  constructor(services: Services, view: View, rateLimit: RateLimit) {
    this.services = services;
    this.view = view;
    this.rateLimit = rateLimit;
  }

  /** For the next message of a subscription, which must not see what was read for another one. */
  renewed(): Context {
    return new Context(this.services, this.view, this.rateLimit);
  }

  /** Made when they are first needed: most subscriptions need none, and a server holds thousands of them. */
  get loaders(): Loaders {
    this.#loaders ??= createLoaders(this.view);
    return this.#loaders;
  }
}
