import { createGroundcrew, type Groundcrew } from '../../src/client/client.ts';
import { type Answer, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

// A client of a scripted server, and the answers that scripts are made of.

export const taskId = 'task_1';

const errors = (code: string) => [{ message: `failed: ${code}`, extensions: { code } }];

export const refused = (code: string) => ({ type: 'error', payload: errors(code) }) as const;

/** A revision that the server could not render, or only in part. */
export const failedRevision = (data: unknown, code = 'INTERNAL_SERVER_ERROR') =>
  ({ type: 'next', payload: { data, errors: errors(code) } }) as const;

export const revision = (number: number) =>
  ({
    type: 'next',
    payload: {
      data: {
        taskUpdated: { __typename: 'Task', id: taskId, revision: number, groundcrewPosition: number },
      },
    },
  }) as const;

export interface ServedClient extends AsyncDisposable {
  readonly server: ScriptedServer;
  readonly groundcrew: Groundcrew;
}

/** The server answers each subscription with the next of these answers. */
export async function serve(...answers: Answer[]): Promise<ServedClient> {
  const server = await startScriptedServer({ onSubscribe: (nth) => answers[nth] ?? [] });
  const groundcrew = createGroundcrew({ url: server.url, token: 'any' });
  return {
    server,
    groundcrew,
    async [Symbol.asyncDispose]() {
      await groundcrew.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
