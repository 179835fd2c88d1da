import { onlyTaskOf } from '../tasks/domain/viewer.ts';
import type { Context } from './context.ts';

export interface ProviderName {
  readonly name: string;
  readonly isDefault: boolean;
}

/** Empty for a task token: they are for those who make tasks. */
export function providers({ view, services: { taskDefaults } }: Context): ProviderName[] {
  if (onlyTaskOf(view.viewer) !== null) return [];
  return taskDefaults.providers.map((name, index) => ({ name, isDefault: index === 0 }));
}
