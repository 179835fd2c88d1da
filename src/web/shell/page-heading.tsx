import { type ReactNode, useEffect, useRef } from 'react';
import { usePageTitle } from './use-page-title.ts';

/** The browser itself announces the page that it loads, and leaves the focus at its beginning. */
let isLoaded = false;

interface PageHeadingProps {
  /** Of the browser's tab. */
  readonly title: string;
  readonly className?: string;
  readonly children?: ReactNode;
}

/**
 * The heading of a page. It takes the focus when somebody arrives, so that a screen reader says where that is and the
 * keyboard goes on from there; not when the page has put the focus into itself, for instance into a field.
 */
export function PageHeading({ title, className = '', children = title }: PageHeadingProps) {
  usePageTitle(title);
  const element = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const isArrival = isLoaded;
    isLoaded = true;
    const main = document.getElementById('main');
    const { activeElement } = document;
    if (isArrival && (activeElement === main || !main?.contains(activeElement)))
      element.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={element} tabIndex={-1} dir="auto" className={`focus:outline-none ${className}`}>
      {children}
    </h1>
  );
}
