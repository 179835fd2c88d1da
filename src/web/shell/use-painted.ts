import { useEffect, useState } from 'react';

/**
 * False until the first frame of the component is shown. True from the beginning where none is waited for: in a window that
 * nobody sees, which paints none, or on request.
 */
export function usePainted({ waits }: { readonly waits: boolean }): boolean {
  const [painted, setPainted] = useState(() => !waits || document.hidden);
  useEffect(() => {
    // The next frame begins once this one is on its way to the screen. Work before that would delay it.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => setPainted(true));
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  return painted;
}
