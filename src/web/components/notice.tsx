import type { ReactNode } from 'react';
import { PageHeading } from '../shell/page-heading.tsx';

/** A page that has nothing else to show, and says why. */
export function Notice({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-3 px-4 py-24 text-center">
      <PageHeading title={title} className="font-semibold text-base" />
      <div className="text-soft">{children}</div>
    </div>
  );
}
