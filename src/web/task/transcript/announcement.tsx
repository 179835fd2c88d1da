import { useRef } from 'react';
import type { Task, Transcript } from '../../../client/client.ts';
import { turnEndWords } from '../../words.ts';

interface AnnouncementProps {
  /** Undefined until it is loaded. */
  readonly transcript: Transcript | undefined;
  readonly requests: Task['sessions'][number]['requests'];
}

/**
 * What a screen reader says by itself of a conversation: that the agent asks something, that it has finished, or what the
 * page says about it. The words of the agent come in many pieces; they are read in the transcript.
 */
export function Announcement({ transcript, requests }: AnnouncementProps) {
  const loaded = useRef<number>(undefined);
  loaded.current ??= transcript?.sequence;
  const asked = requests.findLast(({ state }) => state === 'OPEN');
  const last = transcript?.items.at(-1);
  // What was there when the visitor came is no news.
  const isNews = last !== undefined && last.sequence > (loaded.current ?? 0);
  return (
    <p aria-live="polite" className="sr-only">
      {asked ? `The agent waits for an answer: ${asked.title}` : isNews && wordsOf(last)}
    </p>
  );
}

function wordsOf(item: Transcript['items'][number]): string | undefined {
  switch (item.__typename) {
    case 'TurnEnd':
      return turnEndWords(item.stopReason);
    case 'Notice':
      return item.text;
    default:
      return undefined;
  }
}
