import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { toast } from 'sonner';
import type { Task } from '../../client/client.ts';
import { Button } from '../components/button.tsx';
import { inputClass } from '../components/field.tsx';
import { groundcrew } from '../groundcrew.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';
import { messageOf } from './actions.tsx';

type Session = Task['sessions'][number];

/** The prompts that wait, the field for the next one, and the button that stops the agent. */
export function Composer({ session }: { readonly session: Session }) {
  const id = useId();
  const { text, change, send } = useNextPrompt(session.id);
  const isOver = session.status === 'ERROR' || session.status === 'CLOSED';
  const works = session.activity === 'WORKING' || session.activity === 'WAITING';

  function onKeyDown(event: KeyboardEvent): void {
    // Enter also ends the composition of a word, in Japanese for instance.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!isOver) void send();
  }

  return (
    <div className="flex flex-col gap-2">
      <Queue prompts={session.prompts} />
      <label htmlFor={id} className="font-medium">
        Message
      </label>
      <textarea
        id={id}
        dir="auto"
        rows={2}
        value={text}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
        className={inputClass}
      />
      <div className="flex justify-end gap-2">
        {works && <Button onClick={() => void report(groundcrew.interrupt(session.id))}>Stop</Button>}
        <Button
          look="primary"
          disabledReason={isOver ? 'The session has ended, so it takes no more messages.' : undefined}
          onClick={() => void send()}
        >
          Send
        </Button>
      </div>
    </div>
  );
}

function Queue({ prompts }: { readonly prompts: Session['prompts'] }) {
  const queued = prompts.filter(({ state }) => state === 'QUEUED');
  if (queued.length === 0) return null;
  return (
    <ol aria-label="Queued prompts" className="flex flex-col gap-2">
      {queued.map((prompt) => (
        <li key={prompt.id} className="flex items-start justify-between gap-3 rounded-lg bg-panel p-3">
          <span dir="auto" className="wrap-anywhere line-clamp-3 min-w-0 whitespace-pre-wrap">
            {prompt.text}
          </span>
          <Button onClick={() => void report(groundcrew.removePrompt(prompt.id))}>Remove</Button>
        </li>
      ))}
    </ol>
  );
}

/** A call whose answer was lost is repeated with the same key, so that the agent gets the prompt once. */
function useNextPrompt(sessionId: string) {
  const [text, setText] = useState('');
  const sending = useRef(false);
  const idempotencyKey = useRef<string>(undefined);

  async function send(): Promise<void> {
    if (sending.current || text.trim() === '') return;
    sending.current = true;
    idempotencyKey.current ??= newIdempotencyKey();
    try {
      await groundcrew.sendPrompt({ sessionId, text, idempotencyKey: idempotencyKey.current });
      idempotencyKey.current = undefined;
      // What was written meanwhile is the next one.
      setText((now) => (now === text ? '' : now));
    } catch (error) {
      toast.error(messageOf(error));
    }
    sending.current = false;
  }

  function change(next: string): void {
    idempotencyKey.current = undefined;
    setText(next);
  }
  return { text, change, send };
}

async function report(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    toast.error(messageOf(error));
  }
}
