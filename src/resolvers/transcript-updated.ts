import type { Subscription } from '../realtime/subscription.ts';
import type { TranscriptUpdate } from '../tasks/domain/transcript/item.ts';
import type { Context } from './context.ts';

export function transcriptUpdated(
  sessionId: string,
  afterSequence: number | null,
  { services: { hub }, view: { viewer } }: Context,
): Promise<Subscription<TranscriptUpdate>> {
  return hub.watchTranscript(viewer, sessionId, afterSequence);
}
