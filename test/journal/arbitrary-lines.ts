import { fc } from '@fast-check/vitest';

const LF = 0x0a;

/** Lines with their LF: short and long, empty, with CR, with any other byte. */
export const arbitraryLines: fc.Arbitrary<readonly Uint8Array[]> = fc.array(
  fc
    .oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 80 }))
    .map((bytes) => Uint8Array.of(...bytes.map((byte) => (byte === LF ? 0x0d : byte)), LF)),
  { maxLength: 40 },
);
