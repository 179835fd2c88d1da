import { memo } from 'react';
import { ToneDot } from '../components/badge.tsx';
import { Time } from '../components/time.tsx';
import { eventWords, statuses, steps } from '../words.ts';
import { Section } from './section.tsx';
import { type TaskEvent, useHistory } from './use-history.ts';

interface HistoryProps {
  readonly id: string;
  readonly revision: number;
}

/** Each revision of the task, oldest first. */
export function History({ id, revision }: HistoryProps) {
  const events = useHistory(id, revision);
  return (
    <Section title="History">
      <ol aria-label="History" aria-busy={events.length < revision} className="flex flex-col">
        {events.map((event) => (
          <EventItem key={event.id} event={event} />
        ))}
      </ol>
    </Section>
  );
}

/** Events never change, so that a new one costs the rendering of one, however many there are. */
const EventItem = memo(function EventItem({ event }: { readonly event: TaskEvent }) {
  const { words, tone } = statuses[event.status];
  return (
    <li className="skip-unseen flex items-baseline gap-3 border-line border-b py-2 last:border-b-0">
      <span className="w-6 shrink-0 text-right text-soft text-xs tabular-nums">{event.revision}</span>
      <ToneDot tone={tone === 'busy' ? 'over' : tone} />
      <div className="min-w-0 grow">
        {event.kind === 'task.status_changed' ? words : eventWords(event.kind)}
        {event.kind === 'step.failed' && event.step && `: ${steps[event.step].title}`}
        {event.error && (
          <p dir="auto" className="wrap-anywhere whitespace-pre-wrap text-soft text-xs">
            {event.error.message}
          </p>
        )}
      </div>
      <span className="text-soft text-xs">
        <Time at={event.at} look="clock" />
      </span>
    </li>
  );
});
