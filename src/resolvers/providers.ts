import type { Context } from '../schema/context.ts';
import type { ProviderShape } from '../schema/workspace.ts';

export function providers({ tasks }: Context): ProviderShape[] {
  return tasks.providers.map((name, index) => ({ name, isDefault: index === 0 }));
}
