import { afterEach, expect, it, vi } from 'vitest';
import { returnPath } from '../../../src/web/login/return-path.ts';

const origin = 'https://groundcrew.example';

function returnPathFor(next: string): string {
  vi.stubGlobal('location', new URL(`/login?${new URLSearchParams({ next })}`, origin));
  return returnPath();
}

afterEach(() => vi.unstubAllGlobals());

it('leads back to a path of this page', () => {
  expect(returnPathFor('/?status=ERROR')).toBe('/?status=ERROR');
});

it.each(['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)'])(
  'does not lead to %s',
  (next) => {
    expect(returnPathFor(next)).toBe('/');
  },
);
