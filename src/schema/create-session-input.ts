import type { CreateSessionInput } from '../tasks/input.ts';
import { builder } from './builder.ts';

export const CreateSessionInputRef = builder.inputRef<CreateSessionInput>('CreateSessionInput');

CreateSessionInputRef.implement({
  description: 'One more conversation with an agent.',
  fields: (t) => ({
    taskId: t.id({ required: true, description: 'The task in whose sandbox the session runs.' }),
    agent: t.string({ description: 'The coding agent. By default the one of the task.' }),
    prompt: t.string({ description: 'The first message of the session. By default there is none.' }),
    idempotencyKey: t.string({
      description: 'Makes the call safe to repeat, as in `CreateTaskInput`.',
    }),
  }),
});
