import { Tabs } from '@base-ui/react/tabs';
import { Plus } from 'lucide-react';
import { useRef, useState } from 'react';
import { toast } from 'sonner';
import type { Task } from '../../client/client.ts';
import { Badge, ToneDot } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Time } from '../components/time.tsx';
import { groundcrew } from '../groundcrew.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';
import { missingActionReason, sessionStatuses } from '../words.ts';
import { messageOf } from './actions.tsx';
import { Composer } from './composer.tsx';
import { Requests } from './requests.tsx';
import { Section } from './section.tsx';
import { Announcement } from './transcript/announcement.tsx';
import { Transcript } from './transcript/transcript.tsx';
import { useTranscript } from './transcript/use-transcript.ts';
import { Undelivered } from './undelivered.tsx';

type Session = Task['sessions'][number];

/** The conversations with agents in the task's sandbox. */
export function Sessions({ task }: { readonly task: Task }) {
  const [chosen, setChosen] = useState<string>();
  const { creating, create } = useCreateSession(task.id, setChosen);
  // The list of sessions and the id of a new one come on two ways.
  const known = task.sessions.some(({ id }) => id === chosen);
  return (
    <Section title="Sessions">
      <Tabs.Root
        value={known ? chosen : task.sessions[0]?.id}
        onValueChange={setChosen}
        className="rounded-lg border border-line"
      >
        <div className="flex flex-wrap items-center justify-between gap-2 border-line border-b p-2">
          <Tabs.List aria-label="Sessions" className="flex flex-wrap gap-1">
            {task.sessions.map((session, index) => (
              <Tabs.Tab
                key={session.id}
                value={session.id}
                className="inline-flex min-h-8 items-center gap-2 rounded-md px-3 text-soft hover:bg-hover data-active:bg-hover data-active:font-medium data-active:text-ink pointer-coarse:min-h-11"
              >
                <ToneDot tone={sessionStatuses[session.status].tone} />
                {session.agent} {index + 1}
                <span className="sr-only">{sessionStatuses[session.status].words}</span>
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Button
            disabledReason={
              creating
                ? 'The session is being added.'
                : task.availableActions.includes('CREATE_SESSION')
                  ? undefined
                  : missingActionReason('CREATE_SESSION', task.status)
            }
            onClick={create}
          >
            <Plus aria-hidden className="size-4" />
            New session
          </Button>
        </div>
        {task.sessions.map((session, index) => (
          <Tabs.Panel key={session.id} value={session.id} className="flex flex-col gap-4 p-4">
            <SessionState session={session} />
            <Conversation session={session} prompt={index === 0 ? task.prompt : undefined} />
            <Requests requests={session.requests} />
            <Undelivered sessionId={session.id} revision={task.revision} />
            <Composer session={session} />
          </Tabs.Panel>
        ))}
      </Tabs.Root>
    </Section>
  );
}

/** Until the agent has got the first prompt, that alone is shown. */
function Conversation({
  session,
  prompt,
}: {
  readonly session: Session;
  readonly prompt: string | undefined;
}) {
  const { transcript, error } = useTranscript(session.id);
  const isEmpty = !transcript || transcript.items.length === 0;
  return (
    <>
      {isEmpty && prompt !== undefined && <Prompt text={prompt} />}
      <Transcript transcript={transcript ?? emptyTranscript} />
      <Announcement transcript={transcript} requests={session.requests} />
      {error && <p className="text-bad">The transcript cannot be shown: {error}</p>}
    </>
  );
}

const emptyTranscript = { sequence: 0, items: [], missing: 0 };

function SessionState({ session }: { readonly session: Session }) {
  const { words, tone } = sessionStatuses[session.status];
  return (
    <div className="flex flex-col gap-1">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <Badge tone={tone}>{words}</Badge>
        <span className="text-soft text-xs">
          {session.readyAt ? (
            <>
              since <Time at={session.readyAt} look="clock" />
            </>
          ) : (
            <>
              added <Time at={session.createdAt} look="clock" />
            </>
          )}
        </span>
      </div>
      {session.error && (
        <p dir="auto" className="wrap-anywhere whitespace-pre-wrap text-bad">
          {session.error.message}
        </p>
      )}
    </div>
  );
}

function Prompt({ text }: { readonly text: string }) {
  return (
    <figure className="rounded-lg bg-panel p-3">
      <figcaption className="mb-1 text-soft text-xs">Prompt</figcaption>
      {/* Focusable, so that the keyboard can scroll it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <div tabIndex={0} dir="auto" className="wrap-anywhere max-h-64 overflow-y-auto whitespace-pre-wrap">
        {text}
      </div>
    </figure>
  );
}

/** A call whose answer was lost is repeated with the same key, so that it makes no second session. */
function useCreateSession(taskId: string, onCreated: (id: string) => void) {
  const [creating, setCreating] = useState(false);
  const idempotencyKey = useRef<string>(undefined);

  async function create(): Promise<void> {
    if (creating) return;
    setCreating(true);
    idempotencyKey.current ??= newIdempotencyKey();
    try {
      const { id } = await groundcrew.createSession({ taskId, idempotencyKey: idempotencyKey.current });
      idempotencyKey.current = undefined;
      onCreated(id);
    } catch (error) {
      toast.error(messageOf(error));
    }
    setCreating(false);
  }
  return { creating, create };
}
