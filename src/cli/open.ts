import { isRigError, RigError } from '../kernel/errors.ts';
import type { Reporter } from '../kernel/report.ts';
import { showSize } from '../kernel/size.ts';
import type { Store } from '../store/contract.ts';
import type { StoreCounters } from '../store/layers/observe.ts';
import type { CommandIo, Environment } from './io.ts';

/** The global options: which archive, how to reach it, and how much to say. */
export interface ArchiveFlags {
  readonly archive?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly verbose?: true;
  readonly json?: true;
}

export interface OpenArchiveOptions {
  /** How long a failing call is tried again; undefined: for ever. */
  readonly deadlineMs: number | undefined;
  readonly report: Reporter;
}

export interface OpenedArchive {
  readonly store: Store;
  close(): Promise<void>;
}

/** How long a command that is to end tries to reach the store. */
export const ONE_SHOT_DEADLINE_MS = 60_000;

/** Where the archive is when nobody says. */
export const DEFAULT_ARCHIVE = 'file:./rig-archive';

/** The environment variable that names the archive. */
export const ARCHIVE_VARIABLE = 'RIGCTL_ARCHIVE';

/** Opens the archive's store with its layers: each attempt is counted, what may be repeated is. */
export async function openArchive(
  flags: ArchiveFlags,
  io: CommandIo,
  { deadlineMs, report }: OpenArchiveOptions,
): Promise<OpenedArchive> {
  const { observe, createStoreCounters } = await import('../store/layers/observe.ts');
  const { retry } = await import('../store/layers/retry.ts');
  const driver = await openDriver(flags, io, report);
  const { clock, random } = io;
  const counters = createStoreCounters();
  return {
    store: retry(observe(driver, counters), { clock, random, deadlineMs, onRetry: report }),
    async close() {
      await driver.close();
      if (flags.verbose === true) {
        reportCalls(counters, report);
      }
    },
  };
}

async function openDriver(flags: ArchiveFlags, io: CommandIo, report: Reporter): Promise<Store> {
  const { clock, random, fileSystem, environment } = io;
  const { endpointUrl, region, profile } = flags;
  const outside = { clock, random, fileSystem, environment, endpointUrl, region, profile };
  const url = flags.archive ?? archiveFrom(environment);
  if (url === undefined) {
    report({
      type: 'note',
      code: 'default-archive',
      message: `no --archive and no ${ARCHIVE_VARIABLE}: the archive is ${DEFAULT_ARCHIVE}`,
    });
  }
  try {
    return await io.openStore(url ?? DEFAULT_ARCHIVE, outside);
  } catch (error) {
    throw flags.archive === undefined && url !== undefined ? namingVariable(error) : error;
  }
}

function archiveFrom(environment: Environment): string | undefined {
  const url = environment[ARCHIVE_VARIABLE];
  if (url === '') {
    throw new RigError('RIG_CONFIG_INVALID', `${ARCHIVE_VARIABLE} is set but empty`, {
      hint: `set ${ARCHIVE_VARIABLE} to an archive URL, or unset it`,
    });
  }
  return url;
}

/** The user did not type the URL that is wrong: say where it came from. */
function namingVariable(error: unknown): unknown {
  if (!isRigError(error, 'RIG_CONFIG_INVALID', 'RIG_USAGE')) {
    return error;
  }
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new RigError(error.code, `${ARCHIVE_VARIABLE}: ${error.message}`, {
    ...hint,
    cause: error.cause,
    details: error.details,
  });
}

function reportCalls(counters: StoreCounters, report: Reporter): void {
  const used = Object.entries(counters).filter(([, { calls }]) => calls > 0);
  const texts = used.map(([operation, { calls, errors, sentBytes, receivedBytes }]) => {
    const bytes = sentBytes + receivedBytes;
    const amount = bytes > 0 ? ` (${showSize(bytes)})` : '';
    return `${operation} ${calls}${amount}${errors > 0 ? ` with ${errors} errors` : ''}`;
  });
  report({
    type: 'note',
    code: 'store-calls',
    message: `calls to the store: ${texts.length === 0 ? 'none' : texts.join(', ')}`,
    details: Object.fromEntries(used.map(([operation, counts]) => [operation, { ...counts }])),
  });
}
