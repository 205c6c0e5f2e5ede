import { basename, dirname, resolve } from 'node:path';
import type { Clock } from '../../src/kernel/clock.ts';
import type { DirectoryEntry, FileHandle, FileStat, FileSystem } from '../../src/kernel/filesystem.ts';
import type { Random } from '../../src/kernel/random.ts';

/** A call that is about to happen. */
export interface FileSystemCall {
  readonly name: keyof FileSystem | `handle.${keyof FileHandle}`;
  readonly path: string;
}

/**
 * A file system in memory that knows what was synced. `crash()` is a power loss: names not synced with their
 * directory and
 * data not synced with their file are gone, or, with a `Random`, each survives or not. Files are as strict as
 * POSIX allows:
 * syncing a file does not keep its name. Paths are absolute; `/` exists.
 */
export class MemoryFileSystem implements FileSystem {
  /** Called before every call; what it throws is the call's error. See {@link systemError}. */
  beforeCall: (call: FileSystemCall) => void = () => {};
  /** Space left; writes beyond it fail with ENOSPC after filling it. */
  freeBytes = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  readonly #root = new DirectoryNode(0o755);
  readonly #watchers = new Set<{ readonly path: string; readonly onHint: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A power loss. The handles that are open are worth nothing afterwards. */
  crash(random?: Random): void {
    crashDirectory(this.#root, random);
  }

  /** Appends to a file as an application would, unsynced; creates it when it is not there. */
  append(path: string, bytes: Uint8Array | string): void {
    const node = this.#find(path) ?? this.#addFile(path, 0o600);
    assertFile(node, path);
    node.write(Buffer.from(bytes), node.bytes.length, this.#clock);
    this.#hint(path);
  }

  /** Cuts a file, unsynced. */
  truncate(path: string, lengthBytes: number): void {
    const node = this.#need(path);
    assertFile(node, path);
    node.setLength(Math.min(lengthBytes, node.bytes.length), this.#clock);
    this.#hint(path);
  }

  /** What is in a file now. */
  contentOf(path: string): Buffer {
    const node = this.#need(path);
    assertFile(node, path);
    return Buffer.from(node.bytes);
  }

  async openForReading(path: string): Promise<FileHandle> {
    this.beforeCall({ name: 'openForReading', path });
    return this.#handle(path, this.#need(path));
  }

  async createNew(path: string, mode: number): Promise<FileHandle> {
    this.beforeCall({ name: 'createNew', path });
    return this.#handle(path, this.#addFile(path, mode));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.beforeCall({ name: 'stat', path });
    return this.#find(path)?.stat();
  }

  async list(path: string): Promise<readonly DirectoryEntry[]> {
    this.beforeCall({ name: 'list', path });
    const node = this.#needDirectory(path);
    return [...node.entries].map(([name, entry]) => ({ name, kind: entry.kind }));
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    this.beforeCall({ name: 'makeDirectory', path });
    this.#add(path, new DirectoryNode(mode));
  }

  async link(existing: string, created: string): Promise<void> {
    this.beforeCall({ name: 'link', path: created });
    this.#add(created, this.#need(existing));
  }

  async rename(from: string, to: string): Promise<void> {
    this.beforeCall({ name: 'rename', path: to });
    const node = this.#need(from);
    const target = this.#find(to);
    if (target?.kind === 'directory' && node.kind === 'file') {
      throw systemError('EISDIR', 'rename', to);
    }
    this.#needDirectory(dirname(from)).entries.delete(basename(from));
    this.#needDirectory(dirname(to)).entries.set(basename(to), node);
    this.#hint(from);
    this.#hint(to);
  }

  async remove(path: string, options: { readonly recursive?: boolean } = {}): Promise<void> {
    this.beforeCall({ name: 'remove', path });
    if (this.#need(path).kind === 'directory' && options.recursive !== true) {
      throw systemError('EISDIR', 'unlink', path);
    }
    this.#needDirectory(dirname(path)).entries.delete(basename(path));
    this.#hint(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.beforeCall({ name: 'syncDirectory', path });
    const node = this.#needDirectory(path);
    node.syncedEntries = new Map(node.entries);
  }

  watch(path: string, onHint: () => void): { close(): void } {
    const watcher = { path: resolve(path), onHint };
    this.#watchers.add(watcher);
    return { close: () => this.#watchers.delete(watcher) };
  }

  #handle(path: string, node: Node): FileHandle {
    const before = (name: keyof FileHandle) => this.beforeCall({ name: `handle.${name}`, path });
    return {
      read: async (buffer, positionBytes) => {
        before('read');
        assertFile(node, path);
        const part = node.bytes.subarray(positionBytes, positionBytes + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: async (bytes, positionBytes) => {
        before('write');
        assertFile(node, path);
        const fitting = bytes.subarray(0, Math.min(bytes.length, this.freeBytes));
        this.freeBytes -= fitting.length;
        node.write(fitting, positionBytes, this.#clock);
        this.#hint(path);
        if (fitting.length < bytes.length) {
          throw systemError('ENOSPC', 'write', path);
        }
      },
      stat: async () => {
        before('stat');
        return node.stat();
      },
      setMode: async (mode) => {
        before('setMode');
        node.mode = mode;
      },
      setLength: async (lengthBytes) => {
        before('setLength');
        assertFile(node, path);
        node.setLength(lengthBytes, this.#clock);
        this.#hint(path);
      },
      sync: async () => {
        before('sync');
        node.sync();
      },
      syncData: async () => {
        before('syncData');
        node.sync();
      },
      close: async () => before('close'),
    };
  }

  /** Tells the watchers of the path and of its directory. */
  #hint(path: string): void {
    const changed = resolve(path);
    for (const watcher of this.#watchers) {
      if (watcher.path === changed || watcher.path === dirname(changed)) {
        queueMicrotask(watcher.onHint);
      }
    }
  }

  #addFile(path: string, mode: number): FileNode {
    const node = new FileNode(mode, this.#clock);
    this.#add(path, node);
    return node;
  }

  #add(path: string, node: Node): void {
    const directory = this.#needDirectory(dirname(resolve(path)));
    if (directory.entries.has(basename(path))) {
      throw systemError('EEXIST', 'create', path);
    }
    directory.entries.set(basename(path), node);
    this.#hint(path);
  }

  #need(path: string): Node {
    const node = this.#find(path);
    if (node === undefined) {
      throw systemError('ENOENT', 'open', path);
    }
    return node;
  }

  #needDirectory(path: string): DirectoryNode {
    const node = this.#need(path);
    if (!(node instanceof DirectoryNode)) {
      throw systemError('ENOTDIR', 'open', path);
    }
    return node;
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of resolve(path)
      .split('/')
      .filter((part) => part !== '')) {
      if (node === undefined) {
        return undefined;
      }
      if (!(node instanceof DirectoryNode)) {
        throw systemError('ENOTDIR', 'open', path);
      }
      node = node.entries.get(name);
    }
    return node;
  }
}

/** An error as Node's `fs` throws it. */
export function systemError(errno: string, call: string, path: string): Error {
  return Object.assign(new Error(`${errno}: ${call} '${path}'`), { code: errno, syscall: call, path });
}

type Node = FileNode | DirectoryNode;

let nodes = 0;

function nextIdentity(): string {
  nodes += 1;
  return `memory:${nodes}`;
}

class FileNode {
  readonly kind = 'file';
  readonly identity = nextIdentity();
  mode: number;
  modifiedAtMs: number;
  bytes: Buffer = Buffer.alloc(0);
  syncedBytes: Buffer = Buffer.alloc(0);
  #space: Buffer = Buffer.alloc(0);
  #usedBytes = 0;
  #changes = 0;

  constructor(mode: number, clock: Clock) {
    this.mode = mode;
    this.modifiedAtMs = clock.wallMs();
  }

  /** Bytes that were once written stay as they are, for `syncedBytes` may show them: changing them moves to a copy. */
  write(bytes: Uint8Array, positionBytes: number, clock: Clock): void {
    const lengthBytes = Math.max(this.bytes.length, positionBytes + bytes.length);
    if (positionBytes < this.#usedBytes || lengthBytes > this.#space.length) {
      this.#space = Buffer.alloc(lengthBytes * 2);
      this.#space.set(this.bytes);
    }
    this.#space.set(bytes, positionBytes);
    this.#usedBytes = lengthBytes;
    this.bytes = this.#space.subarray(0, lengthBytes);
    this.#changed(clock);
  }

  setLength(lengthBytes: number, clock: Clock): void {
    if (lengthBytes > this.bytes.length) {
      this.write(new Uint8Array(lengthBytes - this.bytes.length), this.bytes.length, clock);
    }
    this.bytes = this.bytes.subarray(0, lengthBytes);
    this.#changed(clock);
  }

  sync(): void {
    this.syncedBytes = this.bytes;
  }

  stat(): FileStat {
    const { kind, mode, modifiedAtMs, identity } = this;
    const changeToken = `${this.#changes}`;
    return { kind, sizeBytes: this.bytes.length, mode, modifiedAtMs, identity, changeToken };
  }

  #changed(clock: Clock): void {
    this.modifiedAtMs = clock.wallMs();
    this.#changes += 1;
  }
}

class DirectoryNode {
  readonly kind = 'directory';
  readonly identity = nextIdentity();
  mode: number;
  readonly entries = new Map<string, Node>();
  syncedEntries: ReadonlyMap<string, Node> = new Map();

  constructor(mode: number) {
    this.mode = mode;
  }

  sync(): void {
    this.syncedEntries = new Map(this.entries);
  }

  stat(): FileStat {
    const { kind, mode, identity } = this;
    return { kind, sizeBytes: 0, mode, modifiedAtMs: 0, identity, changeToken: '' };
  }
}

function assertFile(node: Node, path: string): asserts node is FileNode {
  if (!(node instanceof FileNode)) {
    throw systemError('EISDIR', 'read', path);
  }
}

function crashDirectory(directory: DirectoryNode, random: Random | undefined): void {
  const survives = () => random !== undefined && random.next() < 0.5;
  for (const name of new Set([...directory.entries.keys(), ...directory.syncedEntries.keys()])) {
    const node = survives() ? directory.entries.get(name) : directory.syncedEntries.get(name);
    if (node === undefined) {
      directory.entries.delete(name);
      continue;
    }
    directory.entries.set(name, node);
    if (node instanceof DirectoryNode) {
      crashDirectory(node, random);
    } else {
      crashFile(node, random);
    }
  }
  directory.sync();
}

/** Unsynced data is lost, or survives whole, or survives up to somewhere. */
function crashFile(file: FileNode, random: Random | undefined): void {
  if (random === undefined || random.next() < 0.3) {
    file.bytes = file.syncedBytes;
  } else if (file.bytes !== file.syncedBytes && random.next() < 0.5) {
    file.bytes = file.bytes.subarray(0, Math.floor(random.next() * file.bytes.length));
  }
  file.sync();
}
