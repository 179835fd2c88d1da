import { useEffect, useRef, useState } from 'react';
import { TaskEventsDocument, type TaskEventsQuery } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';

export type TaskEvent = NonNullable<TaskEventsQuery['task']>['events']['nodes'][number];

const retryMs = 2_000;

/** The task's events up to a revision, oldest first. When the revision rises, only what is new is read. */
export function useHistory(id: string, revision: number): readonly TaskEvent[] {
  const [events, setEvents] = useState<readonly TaskEvent[]>([]);
  const read = useRef<{ events: TaskEvent[]; cursor: string | null }>({ events: [], cursor: null });

  useEffect(() => {
    let left = false;
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function readOn(): Promise<void> {
      while (!left && (read.current.events.at(-1)?.revision ?? 0) < revision) {
        const { data, error } = await groundcrew.urql
          .query(TaskEventsDocument, { id, after: read.current.cursor }, { requestPolicy: 'network-only' })
          .toPromise();
        if (left) return;
        const page = data?.task?.events;
        if (error || !page?.nodes.length) {
          timer = setTimeout(readOn, retryMs);
          return;
        }
        read.current = {
          events: [...read.current.events, ...page.nodes],
          cursor: page.pageInfo.endCursor ?? null,
        };
        setEvents(read.current.events);
      }
    }

    void readOn();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [id, revision]);
  return events;
}
