import { SandboxRef } from './refs.ts';

SandboxRef.implement({
  description: 'The environment that the agent works in.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id that the provider gave to the sandbox.' }),
    provider: t.exposeString('provider', { description: 'The name of the provider that made it.' }),
    cwd: t.exposeString('cwd', {
      nullable: true,
      description: 'The path of the checkout inside the sandbox.',
    }),
  }),
});
