import { useEffect, useState } from 'react';

/** False until the first frame of the component is painted. A window that nobody sees paints none: true from the beginning. */
export function usePainted(): boolean {
  const [painted, setPainted] = useState(() => document.hidden);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(setPainted, 0, true);
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, []);
  return painted;
}
