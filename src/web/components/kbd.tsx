/** A key, as a hint for the eye. It is no part of the name of what it stands in. */
export function Kbd({ children }: { readonly children: string }) {
  return (
    <kbd
      aria-hidden
      className="rounded border border-current/30 px-1 font-sans text-[0.7rem] leading-4 max-sm:hidden pointer-coarse:hidden"
    >
      {children}
    </kbd>
  );
}
