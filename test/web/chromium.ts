import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

export const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The first Chromium in PATH. Undefined when there is none. */
export const chromiumPath: string | undefined = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => chromiumNames.map((name) => join(folder, name)))
  .find((file) => existsSync(file));

export function launchChromium(): Promise<Browser> {
  if (!chromiumPath) throw new Error(`There is no Chromium in PATH: ${chromiumNames.join(', ')}.`);
  return chromium.launch({
    executablePath: chromiumPath,
    // As root Chromium has no sandbox, and in a container hardly any shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}
