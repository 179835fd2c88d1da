import type { RateLimit } from '../tasks/domain/viewer.ts';
import { builder } from './builder.ts';

export const RateLimitRef = builder.objectRef<RateLimit>('RateLimit');

RateLimitRef.implement({
  description:
    'The points of a token in a window of a minute, over all servers. An operation costs at least one, and more the more it may\nreturn.',
  fields: (t) => ({
    limit: t.exposeInt('limit', {
      description: 'The points of a window. 2,147,483,647 on a server without a limit.',
    }),
    cost: t.exposeInt('cost', { description: 'What this operation costs.' }),
    remaining: t.exposeInt('remaining', { description: 'What is left of the window, after this operation.' }),
    resetAt: t.field({
      type: 'DateTime',
      description: 'When the next window begins.',
      resolve: ({ resetAtMs }) => new Date(resetAtMs).toISOString(),
    }),
  }),
});
