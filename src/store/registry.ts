import type { Clock } from '../kernel/clock.ts';
import { RigError } from '../kernel/errors.ts';
import type { FileSystem } from '../kernel/filesystem.ts';
import type { Random } from '../kernel/random.ts';
import type { Store } from './contract.ts';
import { openFileStore } from './drivers/file.ts';
import type { MemoryNamespace } from './drivers/memory.ts';

/** What a store may need from outside. */
export interface StoreEnvironment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** Environment variables, for the defaults of a cloud's own tools. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly endpointUrl?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  /** What `memory:` opens. Without it there is no such scheme: what it held would be gone with the process. */
  readonly memory?: MemoryNamespace | undefined;
}

type OpenStore = (url: string, environment: StoreEnvironment) => Store | Promise<Store>;

/** One line a driver. What follows the scheme is the driver's to read. */
const DRIVERS: Readonly<Record<string, OpenStore>> = {
  file: (url, environment) => openFileStore(pathOf(url), environment),
  s3: async (url, environment) => (await import('./drivers/s3.ts')).openS3Store(parse(url), environment),
};

/** The schemes that {@link openStore} knows, beside `memory:`. */
export const STORE_SCHEMES: readonly string[] = Object.keys(DRIVERS);

/**
 * Opens the store behind a URL. Nothing is created, and a place that is not there may only show at the first call.
 * @throws RigError RIG_CONFIG_INVALID for a URL that no store can be opened by; it is not repeated in the
 * message where it
 * may hold a secret.
 */
export async function openStore(url: string, environment: StoreEnvironment): Promise<Store> {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  if (/^[^/?#]*:\/\/[^/?#]*@/.test(url)) {
    throw new RigError('RIG_CONFIG_INVALID', 'the archive URL holds a user name or password', {
      hint: 'take it out of the URL: credentials come from the AWS default chain (environment, profile, role)',
    });
  }
  if (scheme === undefined) {
    throw new RigError(
      'RIG_CONFIG_INVALID',
      `${JSON.stringify(url)} is not an archive URL: it has no scheme`,
      {
        hint: `write file:${url === '' ? 'PATH' : url} for a directory, or s3://BUCKET/PREFIX`,
      },
    );
  }
  if (scheme === 'memory' && environment.memory !== undefined) {
    const { openMemoryStore } = await import('./drivers/memory.ts');
    return openMemoryStore(environment.memory, environment.clock);
  }
  const open = Object.hasOwn(DRIVERS, scheme) ? DRIVERS[scheme] : undefined;
  if (open === undefined) {
    throw new RigError('RIG_CONFIG_INVALID', `no store is known by the scheme "${scheme}:"`, {
      hint: `use one of ${STORE_SCHEMES.map((known) => `${known}:`).join(', ')}`,
    });
  }
  return open(url, environment);
}

/** `file:PATH` or `file:///PATH`. The path is taken as it stands: nothing in it is decoded or expanded. */
function pathOf(url: string): string {
  const rest = url.slice('file:'.length);
  const path = rest.startsWith('//') ? rest.slice(2).replace(/^localhost(?=\/)/, '') : rest;
  if (path === '' || path.includes('\0') || (rest.startsWith('//') && !path.startsWith('/'))) {
    throw new RigError('RIG_CONFIG_INVALID', `${JSON.stringify(url)} names no directory of this machine`, {
      hint: 'write file:relative/path, file:/absolute/path or file:///absolute/path',
    });
  }
  return path;
}

function parse(url: string): URL {
  if (!URL.canParse(url)) {
    throw new RigError('RIG_CONFIG_INVALID', `${JSON.stringify(url)} is not a URL`, {
      hint: 'write s3://BUCKET/PREFIX',
    });
  }
  return new URL(url);
}
