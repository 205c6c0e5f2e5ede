import { type ErrorCode, errnoOf, messageOf, RigError } from '../../kernel/errors.ts';

/** What a system call's error means to the user of a directory store, and what to do about it. */
const MEANINGS: Readonly<
  Record<string, { readonly code: ErrorCode; readonly why: string; readonly hint: string }>
> = {
  EACCES: denied('permission denied'),
  EPERM: denied('operation not permitted'),
  EROFS: {
    code: 'RIG_STORE_DENIED',
    why: 'the file system is read-only',
    hint: 'remount it writable, or give another --archive',
  },
  ENOSPC: full('no space left on the file system'),
  EDQUOT: full('the disk quota is used up'),
  EMFILE: tooManyFiles('this process has too many files open'),
  ENFILE: tooManyFiles('the machine has too many files open'),
  ENOENT: {
    code: 'RIG_STORE_UNAVAILABLE',
    why: 'the directory vanished while it was in use',
    hint: 'check that the disk of the archive is mounted',
  },
  ENOTDIR: {
    code: 'RIG_CONFIG_INVALID',
    why: 'a file is where a directory must be',
    hint: 'move that file away, or give another --archive',
  },
  EISDIR: {
    code: 'RIG_CONFIG_INVALID',
    why: 'a directory is where a file must be',
    hint: 'move that directory away, or give another --archive',
  },
  EXDEV: {
    code: 'RIG_STORE_UNSUPPORTED',
    why: 'a directory inside the archive is on another file system',
    hint: 'put the whole archive on one file system',
  },
  ELOOP: {
    code: 'RIG_CONFIG_INVALID',
    why: 'symbolic links lead in a circle',
    hint: 'remove the links inside the archive directory, or give another --archive',
  },
  ENAMETOOLONG: {
    code: 'RIG_STORE_UNSUPPORTED',
    why: 'the name is too long for the file system',
    hint: 'give an --archive with a shorter path',
  },
};

/**
 * Gives a system call's error its meaning for the store in `root`. Anything else, an abort or a bug, is
 * returned as it is.
 * `action`: what failed, for the message: `write LOG/0000000000000000`.
 */
export function storeError(error: unknown, action: string, root: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) {
    return error;
  }
  const { code, why, hint } = MEANINGS[errno] ?? {
    code: 'RIG_STORE_UNAVAILABLE',
    why: messageOf(error),
    hint: "check the disk of the archive and the system's log",
  };
  return new RigError(code, `cannot ${action} in ${root}: ${why}`, {
    hint,
    cause: error,
    details: { root, errno },
  });
}

/** Runs file system calls and gives their errors a meaning. */
export async function withStoreErrors<Result>(
  action: string,
  root: string,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw storeError(error, action, root);
  }
}

/** Calls that may meet an expected error: what `call` gives, or `otherwise` when it ends in one of `errnos`. */
export async function unless<Result, Otherwise>(
  errnos: readonly string[],
  otherwise: Otherwise,
  call: () => Promise<Result>,
): Promise<Result | Otherwise> {
  try {
    return await call();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== undefined && errnos.includes(errno)) {
      return otherwise;
    }
    throw error;
  }
}

function denied(why: string) {
  return {
    code: 'RIG_STORE_DENIED',
    why,
    hint: 'give the user that runs rigctl the right to read and write the whole archive directory',
  } as const;
}

function full(why: string) {
  return {
    code: 'RIG_STORE_UNAVAILABLE',
    why,
    hint: 'free or add space on the disk of the archive',
  } as const;
}

function tooManyFiles(why: string) {
  return {
    code: 'RIG_STORE_UNAVAILABLE',
    why,
    hint: 'raise the limit on open files (ulimit -n)',
  } as const;
}
