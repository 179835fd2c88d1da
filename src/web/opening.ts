import { pipe, subscribe } from 'wonka';
import { TaskByIdDocument } from '../client/client.ts';
import { groundcrew } from './groundcrew.ts';
import { startTranscript } from './task/transcript/started-transcript.ts';

let openedTask: string | undefined;

/** Whether the page was loaded at the address of this task. */
export function isOpenedAt(id: string): boolean {
  return id === openedTask;
}

/** Asks for the task that the address names, and for the conversation that its page shows first. */
export function openAddress(): void {
  const id = /^\/tasks\/([^/]+)$/.exec(location.pathname)?.[1];
  if (id === undefined) return;
  openedTask = id;
  const { unsubscribe } = pipe(
    groundcrew.urql.query(TaskByIdDocument, { id }),
    subscribe(({ data }) => {
      const [session] = data?.task?.sessions ?? [];
      if (session) startTranscript(session.id);
      // The page, which has asked for the same by now or finds it in the cache, goes on.
      queueMicrotask(() => unsubscribe());
    }),
  );
}
