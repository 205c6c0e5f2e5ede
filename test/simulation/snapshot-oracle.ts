import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import type { ArchiveOracle, History } from './archive-oracle.ts';

/** A snapshot object's header as its man page describes it. */
interface Header {
  readonly at: number;
  readonly of: 'state' | 'journal';
  readonly cut: number;
  readonly chain: string;
  readonly base?: number;
}

interface Footer {
  readonly frames: readonly (readonly [bytes: number, storedBytes: number])[];
  readonly index: readonly (readonly [bytes: number, storedBytes: number])[];
}

/** A snapshot that the store has or had. */
export interface LandedSnapshot extends Header {
  /** Undefined: what it builds on was gone when it landed. */
  readonly pieces: readonly Buffer[] | undefined;
}

const HISTORY_STEP_BYTES = 700;
const RECENT_BYTES = 1_500;

/**
 * The state that an application with this history has at an offset: it changes only now and then, so that snapshots
 * near each other share what they hold, and it is empty at first.
 */
export function stateAt(history: History, at: number): Buffer {
  const end = at - (at % HISTORY_STEP_BYTES);
  const digest = createHash('sha256').update(history.bytes(0, end)).digest();
  return end === 0
    ? Buffer.alloc(0)
    : Buffer.concat([digest, history.bytes(Math.max(0, end - RECENT_BYTES), end)]);
}

/** Which snapshots landed, and that each is what it must be, told without any code of the program under test. */
export class SnapshotOracle {
  readonly landed = new Map<string, LandedSnapshot>();
  readonly #archive: ArchiveOracle;
  readonly #violate: (what: string) => void;

  constructor(archive: ArchiveOracle, violate: (what: string) => void) {
    this.#archive = archive;
    this.#violate = violate;
  }

  /** A snapshot is stored now; `isThere` tells of another key whether the store has it. */
  land(key: string, object: Uint8Array, isThere: (key: string) => boolean): LandedSnapshot {
    const { header, pieces } = this.#decode(object, isThere);
    const { at, of, cut, chain } = header;
    const snapshot = { ...header, pieces };
    this.landed.set(key, snapshot);
    const { content, end } = this.#archive;
    if (key !== snapshotKey(at) || at > end) {
      this.#violate(`${key}, of ${at}, landed on an archive that ends at ${end}`);
    }
    if (!this.#mayBeCut(cut, at) || chain !== this.#archive.chainAt(cut)) {
      this.#violate(`${key} says that its cut is ${cut}, and it is ${this.#archive.cutBefore(at)}`);
    }
    const expected = of === 'state' ? stateAt(content, at) : content.bytes(0, at);
    if (pieces !== undefined && !Buffer.concat(pieces).equals(expected)) {
      this.#violate(`${key} is not the ${of} at ${at}`);
    }
    return snapshot;
  }

  /** The greatest; where a removed batch was put again, perhaps a longer one, that one's first. */
  #mayBeCut(cut: number, at: number): boolean {
    const { cuts, strays } = this.#archive;
    return cut === this.#archive.cutBefore(at) || (strays.size > 0 && cut <= at && cuts.includes(cut));
  }

  #decode(object: Uint8Array, isThere: (key: string) => boolean) {
    const bytes = Buffer.from(object);
    const framesStart = 8 + bytes.readUInt32LE(4);
    const header: Header = JSON.parse(bytes.toString('utf8', 12, framesStart));
    const footerStart = bytes.length - Number(bytes.readBigUInt64LE(bytes.length - 16));
    const footer: Footer = JSON.parse(bytes.toString('utf8', footerStart + 12, bytes.length - 16));
    let start = framesStart;
    const open = (headBytes: number) => (parts: Footer['frames']) =>
      Buffer.concat(
        parts.map(([, storedBytes]) => {
          start += storedBytes;
          return zstdDecompressSync(bytes.subarray(start - storedBytes + headBytes, start));
        }),
      );
    const own = open(0)(footer.frames);
    const lines = open(8)(footer.index).toString().split('\n').slice(0, -1);
    const base = header.base === undefined ? undefined : snapshotKey(header.base);
    const basePieces = base === undefined || !isThere(base) ? undefined : this.landed.get(base)?.pieces;
    const isWhole = base === undefined || basePieces !== undefined;
    return { header, pieces: isWhole ? resolve(lines, own, basePieces ?? []) : undefined };
  }
}

function resolve(lines: readonly string[], own: Buffer, base: readonly Buffer[]): Buffer[] {
  let start = 0;
  return lines.flatMap((line) => {
    const [number, second]: [number, number | string] = JSON.parse(line);
    if (typeof second === 'number') {
      return base.slice(number, number + second);
    }
    start += number;
    return [own.subarray(start - number, start)];
  });
}

export function snapshotKey(at: number): string {
  return `SNAPSHOT/${at.toString(16).padStart(16, '0')}`;
}
