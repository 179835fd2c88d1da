import { useEffect, useState } from 'react';
import type { Transcript } from '../../../client/client.ts';
import { messageOf } from '../actions.tsx';
import { takeTranscript } from './started-transcript.ts';

export interface TranscriptState {
  readonly transcript: Transcript | undefined;
  /** Why it cannot be shown any further. */
  readonly error: string | undefined;
}

const nothing: TranscriptState = { transcript: undefined, error: undefined };

/** The transcript of a session, from its end, and each of its changes. */
export function useTranscript(sessionId: string): TranscriptState {
  const [state, setState] = useState(nothing);
  useEffect(() => {
    const { transcripts, leaving } = takeTranscript(sessionId);
    async function follow(): Promise<void> {
      try {
        for await (const transcript of transcripts) setState({ transcript, error: undefined });
      } catch (error) {
        if (!leaving.signal.aborted) setState((before) => ({ ...before, error: messageOf(error) }));
      }
    }
    void follow();
    return () => leaving.abort();
  }, [sessionId]);
  return state;
}
