import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { toast } from 'sonner';

const copiedMs = 2_000;

/** Shows a text, and copies it at a click. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(setCopied, copiedMs, false);
    return () => clearTimeout(timer);
  }, [copied]);

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Browsers offer the clipboard on https and on loopback only.
      toast.error('The browser does not allow this page to copy.');
    }
  }

  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      onClick={copy}
      title={`Copy the ${what}`}
      className="-mx-1.5 inline-flex max-w-full items-center gap-1.5 rounded px-1.5 py-0.5 text-left font-mono text-xs hover:bg-hover pointer-coarse:min-h-11"
    >
      <span className="min-w-0 break-all">{text}</span>
      <Icon aria-hidden className="size-3.5 shrink-0 text-soft" />
      <span className="sr-only">{copied ? 'Copied' : `: copy the ${what}`}</span>
    </button>
  );
}
