import { defineConfig } from 'rolldown';

/**
 * The program and the library, with what both use and what is loaded late in chunks beside them: Node takes half a
 * millisecond for each module, so that a start of the program with one file for each would take a quarter longer.
 * The threads' module lies beside the one that starts them, as in the sources.
 */
export default defineConfig({
  input: {
    'cli/main': 'src/cli/main.ts',
    index: 'src/index.ts',
    'archive/thread-unpacker': 'src/archive/thread-unpacker.ts',
    'archive/unpack-thread': 'src/archive/unpack-thread.ts',
  },
  platform: 'node',
  external: /^[^./]/,
  output: { dir: 'dist', chunkFileNames: 'chunks/[name]-[hash].js' },
});
