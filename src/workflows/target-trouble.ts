import { errnoOf, RigError } from '../kernel/errors.ts';

export function targetExists(path: string): RigError {
  return new RigError('RIG_TARGET_EXISTS', `target ${path} exists`, {
    hint: 'restore to another path, or add --force to replace it',
    details: { path },
  });
}

const ERRNO_HINTS: Record<string, string> = {
  ENOSPC: 'free space on that file system, or restore to another one',
  EDQUOT: 'free some of the quota, or restore to another file system',
  EROFS: 'restore to a file system that is not read-only',
  EACCES: 'restore to a directory that this user may write to',
  EPERM: 'restore to a directory that this user may write to',
  ENOTDIR: 'name a path whose directories exist',
  EFBIG: 'restore to a file system that allows files of this size',
  EBUSY: 'restore to a path that is no mount point, then move what is in it',
  ENAMETOOLONG: 'restore to a shorter path, on a file system that allows such names',
  EILSEQ: 'restore to a file system that allows names of any bytes',
};

/** A system call's error as RIG_LOCAL_IO; anything else is passed through. */
export async function targetIo<Result>(
  what: string,
  path: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) {
      throw error;
    }
    throw new RigError('RIG_LOCAL_IO', `cannot ${what} target ${path}: ${errno}`, {
      hint: ERRNO_HINTS[errno] ?? 'check the path, the disk and the system log',
      cause: error,
      details: { path, errno },
    });
  }
}
