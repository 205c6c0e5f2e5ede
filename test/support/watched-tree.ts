import type { FileTree, RawPath } from '../../src/kernel/file-tree.ts';

/** A call that is about to happen: `lstat`, `rename`, …, and `handle.read` for those of an open file. */
export interface TreeCall {
  readonly name: string;
  /** Of a rename: the old one. */
  readonly path: RawPath;
}

type Listener = (call: TreeCall) => void | Promise<void>;

/** A tree that tells of each call; what `beforeCall` throws is the call's error. */
export function watchTree(tree: FileTree, beforeCall: Listener): FileTree {
  return watch(tree, undefined, beforeCall);
}

function watch<Target extends object>(
  target: Target,
  openPath: RawPath | undefined,
  listener: Listener,
): Target {
  return new Proxy(target, {
    get(inner, property) {
      const member: unknown = Reflect.get(inner, property, inner);
      if (typeof member !== 'function') {
        return member;
      }
      return async (...args: readonly unknown[]) => {
        const path = openPath ?? String(args[openPath === undefined && property === 'symlink' ? 1 : 0]);
        const name = openPath === undefined ? String(property) : `handle.${String(property)}`;
        if (name === 'handle.close') {
          // Closed whatever the listener says, or the test runs out of files.
          await Reflect.apply(member, inner, args);
          return listener({ name, path });
        }
        await listener({ name, path });
        const result: unknown = await Reflect.apply(member, inner, args);
        const isOpened = name === 'openForReading' || name === 'createNew';
        return isOpened && typeof result === 'object' && result !== null
          ? watch(result, path, listener)
          : result;
      };
    },
  });
}
