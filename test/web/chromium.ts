import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** First the one without windows, which takes an eighth less of the processor. */
export const chromiumNames = [
  'chromium-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
];

/** The first Chromium in PATH. Undefined when there is none. */
export const chromiumPath: string | undefined = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => chromiumNames.map((name) => join(folder, name)))
  .find((file) => existsSync(file));

/**
 * Playwright's own list, because Chromium reads only the last one; then what is loaded for a user at the address bar: two
 * pages of the browser's own for each window, and a process in reserve for each page. Together they would be half of the
 * processor time.
 */
const disabledFeatures = [
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',

  'PreloadTopChromeWebUI',
  'SpareRendererForSitePerProcess',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxPopup',
];

export function launchChromium(): Promise<Browser> {
  if (!chromiumPath) throw new Error(`There is no Chromium in PATH: ${chromiumNames.join(', ')}.`);
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      `--disable-features=${disabledFeatures}`,
      // Nothing is drawn by a graphics card: a process that stands for it costs more than it does.
      '--in-process-gpu',
      '--disable-gpu-compositing',
      // One process for all pages of a profile: what it has compiled for one of them is there for the next.
      '--process-per-site',
    ],
  });
}

let shared: Promise<Browser> | undefined;

/**
 * One Chromium for all test files that run in this process, because a start costs as much as a visit or two. It ends with
 * the process. Another one takes the place of one that has crashed.
 */
export async function sharedChromium(): Promise<Browser> {
  shared ??= launchChromium();
  const browser = await shared;
  if (browser.isConnected()) return browser;
  shared = launchChromium();
  return shared;
}
