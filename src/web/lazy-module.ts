import { useEffect, useSyncExternalStore } from 'react';

/**
 * A hook that returns a module which is loaded when the hook is first used; undefined until then. A module that cannot be
 * loaded, because the browser is offline or the server has a newer page, is asked for again by the next component that uses
 * it. So what is shown without the module must be complete.
 */
export function lazyModule<Module>(load: () => Promise<Module>): () => Module | undefined {
  const listeners = new Set<() => void>();
  let module: Module | undefined;
  let isLoading = false;

  async function start(): Promise<void> {
    if (module || isLoading) return;
    isLoading = true;
    module = await load().catch(() => undefined);
    isLoading = false;
    for (const listener of listeners) listener();
  }
  function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  return () => {
    useEffect(() => void start(), []);
    return useSyncExternalStore(subscribe, () => module);
  };
}
