import type { CallOptions, Capabilities, Lifecycle, Tagging } from '../contract.ts';

/** Makes a call of a capability, in its own way. `what`: for messages, `tag LOG/0000000000000000`. */
export type Surround = <Result>(
  capability: 'tagging' | 'lifecycle',
  what: string,
  options: CallOptions | undefined,
  call: () => Promise<Result>,
) => Promise<Result>;

/** The capabilities of a store, with every call of theirs surrounded. What the store lacks, it lacks still. */
export function surroundCalls(capabilities: Capabilities, surround: Surround): Capabilities {
  const { tagging, lifecycle } = capabilities;
  return {
    ...capabilities,
    // A store may find this out later.
    get multipartCreateOnly() {
      return capabilities.multipartCreateOnly;
    },
    tagging: tagging && surroundTagging(tagging, surround),
    lifecycle: lifecycle && surroundLifecycle(lifecycle, surround),
  };
}

function surroundTagging(tagging: Tagging, surround: Surround): Tagging {
  return {
    setTags: (key, tags, options) =>
      surround('tagging', `tag ${key}`, options, () => tagging.setTags(key, tags, options)),
    getTags: (key, options) =>
      surround('tagging', `tags of ${key}`, options, () => tagging.getTags(key, options)),
  };
}

function surroundLifecycle(lifecycle: Lifecycle, surround: Surround): Lifecycle {
  const around = <Result>(what: string, options: CallOptions | undefined, call: () => Promise<Result>) =>
    surround('lifecycle', what, options, call);
  return {
    keyPrefix: lifecycle.keyPrefix,
    read: (options) => around('read lifecycle rules', options, () => lifecycle.read(options)),
    write: (wanted, options) =>
      around('write lifecycle rules', options, () => lifecycle.write(wanted, options)),
    keepsVersions: (options) => around('read versioning', options, () => lifecycle.keepsVersions(options)),
  };
}
