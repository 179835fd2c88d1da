import type { ProviderName } from '../resolvers/providers.ts';
import { builder } from './builder.ts';

export const ProviderRef = builder.objectRef<ProviderName>('Provider');

ProviderRef.implement({
  description: 'A sandbox provider: it makes the sandboxes that agents work in.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The value for `CreateTaskInput.provider`.' }),
    isDefault: t.exposeBoolean('isDefault', {
      description: 'Whether a task without a `provider` gets this one.',
    }),
  }),
});
