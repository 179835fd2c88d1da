import type { ErrorDescription } from '../error-codes.ts';

/** Every `Notice.code`: what is said in a transcript about the transcript itself. Versions to come may add codes. */
export const noticeCodes = {
  AGENT_RESTARTED: {
    when: 'The agent was started again, and remembers nothing of the conversation.',
    remedy: 'Tell the agent in the next prompt what it has to know.',
  },
  MESSAGES_LOST: {
    when: 'The server of the agent no longer had messages that were not stored yet.',
    remedy: 'Look at the checkout, or ask the agent, for what it has done.',
  },
  MESSAGE_UNREADABLE: {
    when: 'A message of the agent does not follow its protocol. The text of the notice shows how it begins.',
    remedy: 'Nothing needs to be done. If it keeps happening, report it to the makers of the agent.',
  },
  EARLIER_PROMPT_ENDED: {
    when: 'The agent had got an earlier prompt whose delivery was not known, and has ended its work on it.',
    remedy: 'Read what the agent said before the notice as the answer to that prompt.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;

export type NoticeCode = keyof typeof noticeCodes;
