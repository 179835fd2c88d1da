import type { ReactNode } from 'react';

/** A page that has nothing else to show, and says why. */
export function Notice({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-3 px-4 py-24 text-center">
      <h1 className="font-semibold text-base">{title}</h1>
      <div className="text-soft">{children}</div>
    </div>
  );
}
