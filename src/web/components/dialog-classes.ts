export const backdropClass = 'fixed inset-0 z-40 bg-black/40';

export const popupClass =
  'fixed top-1/2 left-1/2 z-50 flex max-h-[90dvh] w-[min(26rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 flex-col gap-4 overflow-y-auto rounded-lg border border-line bg-page p-5 shadow-xl';
