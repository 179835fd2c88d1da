import type { Context } from './context.ts';

export interface ProviderName {
  readonly name: string;
  readonly isDefault: boolean;
}

export function providers({ taskDefaults }: Context): ProviderName[] {
  return taskDefaults.providers.map((name, index) => ({ name, isDefault: index === 0 }));
}
