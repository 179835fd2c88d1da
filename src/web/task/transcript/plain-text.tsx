/** Text as it is, with its line breaks. */
export function PlainText({ children }: { readonly children: string }) {
  return (
    <div dir="auto" className="wrap-anywhere min-w-0 whitespace-pre-wrap">
      {children}
    </div>
  );
}
