import { expect, it } from 'vitest';
import { redact } from '../src/redact.ts';

it.each([
  ["fatal: 'https://u:p@h/x' and ssh://git:p@h", "fatal: 'https://***@h/x' and ssh://***@h"],
  ['run --token hunter2 --port 1', 'run --token *** --port 1'],
  ['sent x-api-key hunter2', 'sent x-api-key ***'],
  ['key sk-ant-api03-hunter2 is wrong', 'key *** is wrong'],
  ['ghp_hunter2hunter2 may not', '*** may not'],
  ['token of gc_MH0Q9wlEZKInyq4aOfFuAEUK6rkbe8Pg0rSl5cWgE1a2Kc2jl', 'token of ***'],
  ['\u001b[31mfatal\u001b[0m: \u001b]0;title\u0007gone\u0008', 'fatal: gone'],
  ['10 %\r20 %\r\nfile\u202etxt.exe\tis <b>bold</b>', '10 %\n20 %\nfiletxt.exe\tis <b>bold</b>'],
  ['unexpected token in JSON at position 4', 'unexpected token in JSON at position 4'],
  [
    'fetch https://github.com/o/r failed: no such branch',
    'fetch https://github.com/o/r failed: no such branch',
  ],
])('redact(%j) returns %j', (text, shown) => expect(redact(text)).toBe(shown));
