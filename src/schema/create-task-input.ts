import type { CreateTaskInput } from '../tasks/input.ts';
import { builder } from './builder.ts';

export const CreateTaskInputRef = builder.inputRef<CreateTaskInput>('CreateTaskInput');

CreateTaskInputRef.implement({
  description:
    'What a task is to do, and where. Optional fields that are left out get a default; an empty string is an error.',
  fields: (t) => ({
    repoUrl: t.string({
      required: true,
      description:
        'A git remote (https, ssh or scp-like), or an absolute path on the server where the server allows that. The project is\ncreated with its first task.',
    }),
    prompt: t.string({
      required: true,
      description:
        'What the agent is asked to do: the first message of the first session. At most 100,000 characters. The\nwhole request is at most 256 KiB.',
    }),
    title: t.string({
      description: 'One line, at most 200 characters. By default derived from the prompt.',
    }),
    branchName: t.string({
      description:
        "The name of the new branch. By default derived from the title, and made unique among the repository's branches.",
    }),
    baseRef: t.string({
      description: "The branch or commit to start from. By default the repository's default branch.",
    }),
    provider: t.string({
      description: 'The name of a sandbox provider, from `Query.providers`. By default the first one.',
    }),
    agent: t.string({
      description:
        'The coding agent: `claude`, `codex`, `opencode` and others. By default the one of the server.',
    }),
    idempotencyKey: t.string({
      description:
        'Makes the call safe to repeat. The same key with the same input returns the task of the first call; with another input the\ncall fails with IDEMPOTENCY_CONFLICT. A key is kept for at least 24 hours.',
    }),
  }),
});
