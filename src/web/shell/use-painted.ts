import { useEffect, useState } from 'react';

/** False until the first frame of the component is shown. A window that nobody sees paints none: true from the beginning. */
export function usePainted(): boolean {
  const [painted, setPainted] = useState(() => document.hidden);
  useEffect(() => {
    // The next frame begins once this one is on its way to the screen. Work before that would delay it.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => setPainted(true));
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  return painted;
}
