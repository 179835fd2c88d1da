import { TriangleAlert } from 'lucide-react';
import { useEffect } from 'react';
import { useQuery } from 'urql';
import { UndeliveredPromptsDocument } from '../../client/client.ts';
import { undeliveredWords } from '../words.ts';

interface UndeliveredProps {
  readonly sessionId: string;
  /** Of the task. A change of a prompt is one. */
  readonly revision: number;
}

/** Messages that the agent has not got, or of which nobody can tell: what was written is never just gone. */
export function Undelivered({ sessionId, revision }: UndeliveredProps) {
  const [{ data }, ask] = useQuery({
    query: UndeliveredPromptsDocument,
    variables: { sessionId },
    pause: true,
  });
  useEffect(() => ask({ requestPolicy: 'network-only' }), [ask, revision]);
  const prompts = data?.node?.__typename === 'Session' ? data.node.undeliveredPrompts : [];
  if (prompts.length === 0) return null;
  return (
    <ol aria-label="Messages not delivered" className="flex flex-col gap-2">
      {prompts.map(({ id, text, state, error }) => (
        <li key={id} className="flex flex-col gap-2 rounded-lg border border-line p-3">
          <p className="flex gap-2 text-busy">
            <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
            {undeliveredWords(state, error?.message)}
          </p>
          <div
            dir="auto"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
            tabIndex={0}
            className="wrap-anywhere max-h-32 overflow-y-auto whitespace-pre-wrap"
          >
            {text}
          </div>
        </li>
      ))}
    </ol>
  );
}
