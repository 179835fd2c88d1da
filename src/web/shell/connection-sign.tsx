import { CloudOff } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { groundcrew } from '../groundcrew.ts';
import { useConnectionState } from './use-connection-state.ts';

/** Timers are this late only when the computer has slept, or the browser has stopped the page. */
const stoppedMs = 10_000;
const tickMs = 2_000;
/** Shorter losses end before anybody sees or hears of them. */
const quietMs = 700;

/** Says so while changes cannot arrive. What is shown stays as it is, and catches up by itself. */
export function ConnectionSign() {
  const offline = useOffline();
  const lost = useAfterPause(useConnectionState() === 'lost');
  useEffect(checkAfterStop, []);
  return (
    <div aria-live="polite" className="fixed bottom-4 left-4 z-30">
      {(lost || offline) && (
        <p
          role="status"
          // The element around it announces, which was there before.
          aria-live="off"
          className="flex items-center gap-2 rounded-full border border-line bg-page px-3 py-1.5 text-soft shadow-md"
        >
          <CloudOff aria-hidden className="size-4" />
          Connection lost
        </p>
      )}
    </div>
  );
}

/** True once the value has been true for a moment. */
function useAfterPause(value: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!value) return undefined;
    const timer = setTimeout(setLate, quietMs, true);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [value]);
  return value && late;
}

function useOffline(): boolean {
  return useSyncExternalStore(
    (onChange) => {
      const onOnline = () => {
        // The socket may be of the network that was lost.
        groundcrew.connection.check();
        onChange();
      };
      addEventListener('online', onOnline);
      addEventListener('offline', onChange);
      return () => {
        removeEventListener('online', onOnline);
        removeEventListener('offline', onChange);
      };
    },
    () => !navigator.onLine,
  );
}

/** The server has given up the socket of a computer that slept, which is told only when it sends something. */
function checkAfterStop(): () => void {
  let last = Date.now();
  const tick = () => {
    // Browsers slow down the timers of a page that nobody sees. It is checked when somebody looks at it again.
    if (document.hidden) return;
    const now = Date.now();
    if (now - last > stoppedMs) groundcrew.connection.check();
    last = now;
  };
  const timer = setInterval(tick, tickMs);
  document.addEventListener('visibilitychange', tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tick);
  };
}
