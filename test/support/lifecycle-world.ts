import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import {
  type ApplyOptions,
  applyLifecycle,
  type LifecycleResult,
  removeLifecycle,
} from '../../src/workflows/lifecycle.ts';
import { ARCHIVE_ID, fillArchive } from './archive-builder.ts';
import { POLICY } from './lifecycle-rules.ts';
import { LINE_CUTS, LINES } from './line-archive.ts';
import { ScriptedStore } from './scripted-store.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { testContext } from './workflow-context.ts';

/** A rule of somebody else, with an element that rigctl does not know. */
export const FOREIGN = `<Rule>
    <ID>of &amp; others</ID>  <!-- kept -->
    <Filter><And><Prefix>tmp/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>
    <Status>Enabled</Status><DelMarkerExpiration><Days>3</Days></DelMarkerExpiration>
    <Expiration><Days>5</Days></Expiration>
  </Rule>`;
export const DOCUMENT = `<LifecycleConfiguration xmlns="urn:x">\n  ${FOREIGN}\n</LifecycleConfiguration>`;
/** Rules that reach the archive. */
export const REACHING =
  '<LifecycleConfiguration><Rule><ID>all</ID><Filter><Prefix/></Filter><Status>Enabled</Status>' +
  '<Expiration><Days>400</Days></Expiration></Rule></LifecycleConfiguration>';

/** An archive of three batches whose store's calls can be bent, on a clock of its own. */
export async function lifecycleWorld(document = '') {
  const clock = new SimulatedClock();
  const namespace = createMemoryNamespace();
  namespace.rules.document = document;
  const store = new ScriptedStore(openMemoryStore(namespace, clock));
  await fillArchive(store, { journal: LINES, cuts: LINE_CUTS, format: 'lines' });
  store.calls.length = 0;
  const context = { ...testContext(store), clock };
  const asked: string[] = [];
  const options = (changes: Partial<ApplyOptions> = {}): ApplyOptions => ({
    policy: POLICY,
    backupDirectory: '/',
    confirm: async () => void asked.push('change'),
    acceptLoss: async () => void asked.push('loss'),
    ...changes,
  });
  const finish = <Result>(work: Promise<Result>) => clock.runUntil(work);
  return {
    clock,
    namespace,
    store,
    context,
    asked,
    options,
    apply: (changes?: Partial<ApplyOptions>) => finish(applyLifecycle(context, options(changes))),
    remove: () => finish(removeLifecycle(context, options())),
  };
}

export type LifecycleWorld = Awaited<ReturnType<typeof lifecycleWorld>>;

/** The own rules, by the last part of their names. */
export function ownNames(rules: LifecycleResult['after']): (string | undefined)[] {
  return rules.filter(({ own }) => own).map(({ id }) => id?.replace(`rigctl:${ARCHIVE_ID}:`, ''));
}

/** How often rules were written. */
export function writes({ store }: LifecycleWorld): number {
  return store.calls.filter((call) => call === 'write lifecycle rules').length;
}

/** Lets `act` happen right before the call `what` of this number. */
export function beforeCall({ store }: LifecycleWorld, what: string, number: number, act: () => void): void {
  let seen = 0;
  store.script.capability = (call) => {
    seen += call === what ? 1 : 0;
    if (call === what && seen === number) {
      act();
    }
  };
}
