import type { CreateSessionInput, CreateTaskInput } from '../tasks/input.ts';
import { builder } from './builder.ts';

export const CreateTaskInputRef = builder.inputRef<CreateTaskInput>('CreateTaskInput');
CreateTaskInputRef.implement({
  description: 'What a task is to do, and where.',
  fields: (t) => ({
    repoUrl: t.string({
      required: true,
      description:
        'A git remote (https, ssh, or scp-like), or a path on the server where it allows that. Creates the project at first sight.',
    }),
    prompt: t.string({
      required: true,
      description:
        'What the agent is asked to do: the first message of the first session. Up to 100,000 characters.',
    }),
    title: t.string({
      description: 'Derived from the prompt when left out. One line, up to 200 characters.',
    }),
    branchName: t.string({
      description: "Derived from the title, and made unique among the repository's branches, when left out.",
    }),
    baseRef: t.string({
      description: "The branch or commit to start from. The repository's default branch when left out.",
    }),
    provider: t.string({ description: "A name from `Query.providers`. The server's default when left out." }),
    agent: t.string({
      description: "The coding agent: `claude`, `codex`, `opencode`, … The server's default when left out.",
    }),
    idempotencyKey: t.string({
      description:
        'Makes the call safe to repeat: the same key with the same input returns the task that it made before, and with another\ninput fails with IDEMPOTENCY_CONFLICT. Kept for at least 24 hours.',
    }),
  }),
});

export const CreateSessionInputRef = builder.inputRef<CreateSessionInput>('CreateSessionInput');
CreateSessionInputRef.implement({
  description: 'One more conversation with an agent.',
  fields: (t) => ({
    taskId: t.id({ required: true, description: 'The task in whose sandbox it takes place.' }),
    agent: t.string({ description: "The coding agent. The task's own when left out." }),
    prompt: t.string({ description: 'Its first message. None when left out.' }),
    idempotencyKey: t.string({
      description: 'Makes the call safe to repeat, as with `createTask`.',
    }),
  }),
});
