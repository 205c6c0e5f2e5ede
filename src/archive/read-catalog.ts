import type { CallOptions, Store } from '../store/contract.ts';
import { type Catalog, CatalogBuilder } from './catalog.ts';
import { SNAPSHOT_PREFIX, WRITER_PREFIX } from './layout.ts';
import { listLog } from './list-log.ts';

/**
 * Lists an archive: `LOG/`, then `SNAPSHOT/`, then `WRITER/`, so that a prune running meanwhile, which makes a snapshot
 * before it removes batches, cannot hide the tail. May be repeated.
 */
export async function readCatalog(store: Store, options: CallOptions = {}): Promise<Catalog> {
  const builder = new CatalogBuilder();
  await listLog(store, builder, options);
  for (const prefix of [SNAPSHOT_PREFIX, WRITER_PREFIX]) {
    for await (const object of store.list(prefix, options)) {
      builder.add(object);
    }
  }
  return builder;
}

/**
 * Lists everything under the archive's URL, strays at the top level too. Key order is the order above. May be repeated.
 */
export async function readWholeCatalog(store: Store, options: CallOptions = {}): Promise<Catalog> {
  const builder = new CatalogBuilder();
  for await (const object of store.list('', options)) {
    builder.add(object);
  }
  return builder;
}

/** Is there anything at all under the archive's URL? One request. */
export async function isEmptyPlace(store: Store, options: CallOptions = {}): Promise<boolean> {
  for await (const _ of store.list('', options)) {
    return false;
  }
  return true;
}
