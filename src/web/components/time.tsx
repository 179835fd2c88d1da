import { useSyncExternalStore } from 'react';
import { serverNow } from '../server-clock.ts';

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

const secondMs = 1_000;
const minuteMs = 60_000;

/** A time by the server's clock that is the same until the next multiple of `stepMs`, so that all clocks of a page change together. */
function useNow(stepMs: number): number {
  return useSyncExternalStore(
    (onChange) => {
      const timer = setInterval(onChange, stepMs / 4);
      return () => clearInterval(timer);
    },
    () => Math.floor(serverNow() / stepMs) * stepMs,
  );
}

/** An instant in the reader's own time zone, exact on hover. */
export function Time({ at, look }: { readonly at: string; readonly look: 'clock' | 'ago' }) {
  return (
    <time dateTime={at} title={exact.format(new Date(at))} className="whitespace-nowrap">
      {look === 'ago' ? <Ago at={at} /> : clock.format(new Date(at))}
    </time>
  );
}

function Ago({ at }: { readonly at: string }) {
  const age = useNow(minuteMs / 2) - Date.parse(at);
  const minutes = Math.floor(age / minuteMs);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return relative.format(-minutes, 'minute');
  if (minutes < 24 * 60) return relative.format(-Math.floor(minutes / 60), 'hour');
  if (minutes < 7 * 24 * 60) return relative.format(-Math.floor(minutes / 60 / 24), 'day');
  return day.format(new Date(at));
}

/** The time since an instant, counting. */
export function Since({ at }: { readonly at: string }) {
  return <Counter ms={useNow(secondMs) - Date.parse(at)} />;
}

interface UntilProps {
  readonly at: string;
  /** Stands before the time. */
  readonly before: string;
  /** Stands in place of both once the instant has come. */
  readonly over: string;
}

/** The time until an instant, counting down: from the end of the clock's second, so that it never says more than there is. */
export function Until({ at, before, over }: UntilProps) {
  const ms = Date.parse(at) - (useNow(secondMs) + secondMs);
  if (ms <= 0) return over;
  return (
    <>
      {before} <Counter ms={ms} />
    </>
  );
}

function Counter({ ms }: { readonly ms: number }) {
  // A number that changes each second must not be announced each second.
  return (
    <span role="timer" aria-live="off" className="tabular-nums">
      {duration(ms)}
    </span>
  );
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. Less than nothing is nothing. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / secondMs));
  if (ms > 0 && ms < 950) return `${Math.max(0.1, ms / secondMs).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
