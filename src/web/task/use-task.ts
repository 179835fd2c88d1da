import { useEffect, useRef } from 'react';
import { useQuery, useSubscription } from 'urql';
import { fromCombinedError, type Task, TaskByIdDocument, TaskUpdatedDocument } from '../../client/client.ts';
import { passes } from '../passes.ts';

export type TaskState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'loaded'; readonly task: Task };

const retryMs = 2_000;

interface UseTaskOptions {
  /** False: its changes are not followed yet. None is missed. */
  readonly live: boolean;
}

/** A task, and each of its changes. A task that the page knows already, or has just created, is there at once. */
export function useTask(id: string, { live }: UseTaskOptions): TaskState {
  const [query, ask] = useQuery({ query: TaskByIdDocument, variables: { id } });
  const task = useNewest(query.data?.task);
  const from = useRef<number>(undefined);
  from.current ??= task?.revision;
  const [subscription] = useSubscription({
    query: TaskUpdatedDocument,
    variables: { id, afterRevision: from.current ?? null },
    pause: !task || !live,
  });
  const error = query.error && fromCombinedError(query.error);
  const asksAgain = error !== undefined && passes(error) && !query.fetching;
  useEffect(() => {
    if (!asksAgain) return undefined;
    const timer = setTimeout(ask, retryMs, { requestPolicy: 'network-only' });
    return () => clearTimeout(timer);
  }, [asksAgain, ask]);

  const ended = subscription.error && fromCombinedError(subscription.error);
  if (ended?.code === 'NOT_FOUND') return { kind: 'missing' };
  if (task) return { kind: 'loaded', task };
  if (error && !asksAgain && !query.fetching) return { kind: 'failed', message: error.message };
  return query.fetching || query.stale || error ? { kind: 'loading' } : { kind: 'missing' };
}

/** Responses and messages come on two ways, so that an older revision may arrive after a newer one. */
function useNewest(task: Task | null | undefined): Task | undefined {
  const newest = useRef<Task>(undefined);
  if (task && task.revision >= (newest.current?.revision ?? 0)) newest.current = task;
  return newest.current;
}
