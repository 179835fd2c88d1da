import { useState } from 'react';
import { toast } from 'sonner';
import type { Task } from '../../client/client.ts';
import { Button } from '../components/button.tsx';
import { groundcrew } from '../groundcrew.ts';
import { messageOf } from './actions.tsx';

type AgentRequest = Task['sessions'][number]['requests'][number];

/** What the agent waits for. Everybody who sees the task may answer; the first answer counts. */
export function Requests({ requests }: { readonly requests: readonly AgentRequest[] }) {
  return requests.map((request) => <Request key={request.id} request={request} />);
}

function Request({ request }: { readonly request: AgentRequest }) {
  const [answering, setAnswering] = useState(false);

  async function answer(optionId: string): Promise<void> {
    if (answering) return;
    setAnswering(true);
    try {
      await groundcrew.answer({ requestId: request.id, optionId });
    } catch (error) {
      toast.error(messageOf(error));
    }
    setAnswering(false);
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div
      role="group"
      aria-label={request.title}
      className="flex flex-col gap-2 rounded-lg border border-line bg-panel p-3"
    >
      <p className="text-busy text-xs">The agent waits for an answer</p>
      <p dir="auto" className="wrap-anywhere whitespace-pre-wrap font-medium">
        {request.title}
      </p>
      {request.state === 'OPEN' && (
        <div className="flex flex-wrap gap-2">
          {request.options.map(({ id, name }) => (
            <Button key={id} onClick={() => void answer(id)}>
              {name}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}
