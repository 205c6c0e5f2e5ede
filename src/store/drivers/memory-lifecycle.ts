import type { CallOptions, Lifecycle, LifecycleConfiguration, WantedLifecycle } from '../contract.ts';
import { NO_LIFECYCLE, readLifecycle, renderLifecycle } from '../lifecycle-document.ts';

/** What a server keeps of the rules of one place. */
export interface MemoryRules {
  /** Empty: there are none. */
  document: string;
  attributes: Readonly<Record<string, string>>;
  /** Older versions are not kept in memory: this is only what the place says. */
  keepsVersions: boolean;
}

/** Rules as text, as a server has them. They do nothing by themselves. */
export function memoryLifecycle(place: MemoryRules): Lifecycle {
  return {
    keyPrefix: '',
    async read(options: CallOptions = {}): Promise<LifecycleConfiguration> {
      options.signal?.throwIfAborted();
      return place.document === '' ? NO_LIFECYCLE : readLifecycle(place.document, place.attributes);
    },
    async write(wanted: WantedLifecycle, options: CallOptions = {}): Promise<void> {
      options.signal?.throwIfAborted();
      const { start: _, ...attributes } = wanted.attributes;
      place.document = wanted.rules.length === 0 ? '' : renderLifecycle(wanted);
      place.attributes = wanted.rules.length === 0 ? {} : attributes;
    },
    async keepsVersions(options: CallOptions = {}): Promise<boolean> {
      options.signal?.throwIfAborted();
      return place.keepsVersions;
    },
  };
}
