/** The channel that says that a transcript has changed. Only ever a hint: what has changed stands in the tables. */
export const transcriptChannel = 'groundcrew_transcript';

/** The channel that says that a session has a connection that nobody follows yet. */
export const followChannel = 'groundcrew_follow';

export interface TranscriptWakeUp {
  readonly sessionId: string;
  readonly sequence: number;
}

/** Null for a payload that Groundcrew has not sent: any user of the database may notify. */
export function parseTranscriptWakeUp(payload: string): TranscriptWakeUp | null {
  const [sessionId, sequence] = payload.split(' ');
  const wakeUp = { sessionId: sessionId ?? '', sequence: Number(sequence) };
  return wakeUp.sessionId !== '' && Number.isInteger(wakeUp.sequence) ? wakeUp : null;
}
