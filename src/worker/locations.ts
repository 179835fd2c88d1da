import type { Providers } from '../sandbox/registry.ts';

/** Where the sandboxes of this worker's providers lie, by the provider's name; only of providers that have a location. */
export type Locations = ReadonlyMap<string, string>;

/** Throws when a provider's location cannot be part of a job's name. */
export async function readLocations(providers: Providers): Promise<Locations> {
  const locations = new Map<string, string>();
  for (const name of providers.names) {
    const location: unknown = await providers.get(name)?.location?.();
    if (location === undefined) continue;
    if (typeof location !== 'string' || !/^[A-Za-z0-9_.-]{1,64}$/.test(location)) {
      throw new Error(
        `The location of the provider "${name}" is not 1 to 64 letters, digits, dots, "-" or "_".`,
      );
    }
    locations.set(name, location);
  }
  return locations;
}

/** Whether this worker reaches a sandbox of the provider at `location`; null: every worker does. */
export function isReachable(locations: Locations, provider: string, location: string | null): boolean {
  return location === null || locations.get(provider) === location;
}
