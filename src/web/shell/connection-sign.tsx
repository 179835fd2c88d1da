import { CloudOff } from 'lucide-react';
import { useEffect, useSyncExternalStore } from 'react';
import { groundcrew, useConnectionState } from '../groundcrew.ts';

/** Timers are this late only when the computer has slept. */
const sleptMs = 10_000;
const checkMs = 2_000;

/** Says so while changes cannot arrive. What is shown stays as it is, and catches up by itself. */
export function ConnectionSign() {
  const lost = useConnectionState() === 'lost';
  const offline = useOffline();
  useEffect(renewAfterSleep, []);
  return (
    <div aria-live="polite" className="fixed bottom-4 left-4 z-30">
      {(lost || offline) && (
        <p
          role="status"
          className="fade-in-late flex items-center gap-2 rounded-full border border-line bg-page px-3 py-1.5 text-soft shadow-md"
        >
          <CloudOff aria-hidden className="size-4" />
          Connection lost
        </p>
      )}
    </div>
  );
}

function useOffline(): boolean {
  return useSyncExternalStore(
    (onChange) => {
      const onOnline = () => {
        // The socket is of the network that was lost.
        groundcrew.connection.renew();
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
function renewAfterSleep(): () => void {
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > sleptMs) groundcrew.connection.renew();
    last = now;
  }, checkMs);
  return () => clearInterval(timer);
}
