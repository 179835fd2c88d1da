import { newId } from '../../src/tasks/domain/id.ts';
import type { DataOfKind, ItemKind } from '../../src/tasks/domain/transcript/item.ts';
import type { StoredTasks } from '../support/stored-tasks.ts';

/** One thing in a transcript, as a test gives it. */
export type GivenItem = { [K in ItemKind]: readonly [kind: K, text: string, data: DataOfKind[K]] }[ItemKind];

/** An edit of a file, with what it has changed and put out. */
export const edit: Extract<GivenItem, readonly ['tool_call', ...unknown[]]> = [
  'tool_call',
  'Written: 2 lines.',
  {
    toolCallId: 'edit',
    title: 'Edit src/health.ts',
    kind: 'edit',
    status: 'completed',
    input: { path: 'src/health.ts' },
    outputBytes: 17,
    outputSource: 'texts',
    locations: [{ path: 'src/health.ts', line: 2 }],
    changes: [
      {
        path: 'src/health.ts',
        oldText: 'export function health() {\n  return { ok: true };\n}\n',
        newText: 'export async function health() {\n  return { ok: await database.answers() };\n}\n',
      },
    ],
  },
];

export const markdown = `## What I changed

The check now **asks the database**, because \`ok: true\` said nothing. See [the guide](https://example.com/guide).

1. \`GET /health\` answers 503 while the database is away.
2. The answer is kept for a second:

\`\`\`ts
const answer = await database.answers();
\`\`\`

| state | answer |
| --- | --- |
| up | 200 |
| away | 503 |

> One question is open: ~~two~~ *one* second?

- [x] test
- [ ] documentation
`;

/** Stores what was said and done in the first session of a task. It is not open, so that no worker follows it. */
export async function storeConversation(
  stored: StoredTasks,
  taskId: string,
  items: readonly GivenItem[],
): Promise<string> {
  const [session] = await stored.sql<{ id: string }>('select id from session where task_id = ?', [taskId]);
  const sessionId = session?.id as string;
  await stored.sql(
    `insert into conversation (session_id, task_id, connection, is_open, sequence, position)
     values (?, ?, '{}', false, ?, ?)`,
    [sessionId, taskId, items.length, items.length],
  );
  for (const [index, [kind, text, data]] of items.entries())
    await stored.sql(
      `insert into transcript_item (session_id, position, id, sequence, kind, data, text, is_complete, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?, true, now(), now())`,
      [sessionId, index + 1, newId('item'), index + 1, kind, JSON.stringify(data), text],
    );
  return sessionId;
}

/** Stores that the agent waits for an answer. */
export async function storeRequest(stored: StoredTasks, sessionId: string, title: string): Promise<void> {
  const options = [
    { id: 'allow', name: 'Allow', kind: 'allow_once' },
    { id: 'reject', name: 'Reject', kind: 'reject_once' },
  ];
  await stored.sql(
    `insert into agent_request (id, session_id, workspace_id, launch, rpc_id, title, options, state, created_at)
     values (?, ?, ?, 1, '1', ?, ?, 'open', now())`,
    [newId('request'), sessionId, stored.workspace.id, title, JSON.stringify(options)],
  );
}

/** Stores two messages: one that the agent never got, and one of which nobody can tell. */
export async function storeUndelivered(stored: StoredTasks, sessionId: string): Promise<void> {
  const error = { code: 'SESSION_FAILED', message: 'The agent has ended.' };
  await stored.sql(
    `insert into prompt (id, session_id, number, text, state, error, created_at)
     values (?, ?, 1001, 'Also mind the cache', 'failed', ?, now()), (?, ?, 1002, 'And the logs', 'unknown', null, now())`,
    [newId('prompt'), sessionId, JSON.stringify(error), newId('prompt'), sessionId],
  );
}
