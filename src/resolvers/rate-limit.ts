import type { RateLimit } from '../tasks/domain/viewer.ts';
import type { Context } from './context.ts';

export function rateLimit(context: Context): RateLimit {
  return context.rateLimit;
}
