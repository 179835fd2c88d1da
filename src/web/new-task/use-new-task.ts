import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { GroundcrewError } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';
import {
  type FieldName,
  fieldNames,
  forgetDraft,
  forgetSent,
  inputOf,
  readDraft,
  writeDraft,
} from './draft.ts';

type Errors = Readonly<Partial<Record<FieldName, string>>>;

/** The form of a new task: its values, which survive a reload, and what the server says about them. */
export function useNewTask(onFieldRefused: (field: FieldName) => void) {
  const [values, setValues] = useState(readDraft);
  const [errors, setErrors] = useState<Errors>({});
  const [error, setError] = useState('');
  const [sending, setSending] = useState(false);
  const [, navigate] = useLocation();
  const running = useRef(false);

  // Once the message is there, which describes the field.
  const [refused] = Object.keys(errors) as FieldName[];
  useEffect(() => {
    if (refused) onFieldRefused(refused);
  }, [errors]);

  function change(name: FieldName, value: string): void {
    const next = { ...values, [name]: value };
    setValues(next);
    writeDraft(next);
  }

  async function send(): Promise<void> {
    // Not the state: a double click comes before the next rendering.
    if (running.current) return;
    running.current = true;
    setSending(true);
    setError('');
    const input = inputOf(values);
    try {
      const task = await groundcrew.createTask(input);
      forgetDraft(input);
      // Somebody who has left the form while it was sent stays where they are.
      if (location.pathname === '/new') navigate(`/tasks/${task.id}`);
    } catch (reason) {
      onRefused(reason);
    }
    running.current = false;
    setSending(false);
  }

  function onRefused(reason: unknown): void {
    const { code, field, message } = reason instanceof GroundcrewError ? reason : unknownError(reason);
    const name = fieldNames.find((each) => each === field);
    if (code === 'NETWORK_ERROR') {
      setErrors({});
      setError('No answer came from the server. Sending it again makes no second task.');
      return;
    }
    // With a login that ended the same call is sent again after the next one.
    if (code !== 'UNAUTHENTICATED') forgetSent();
    setErrors(name ? { [name]: message } : {});
    if (!name) setError(message);
  }

  return { values, errors, error, sending, change, send };
}

function unknownError(reason: unknown): GroundcrewError {
  return new GroundcrewError(String(reason), { code: 'INTERNAL_SERVER_ERROR', cause: reason });
}
