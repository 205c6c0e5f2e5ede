import { ownRules } from '../../src/archive/lifecycle-rules.ts';
import type { LifecycleRule, NewLifecycleRule } from '../../src/store/contract.ts';
import { ARCHIVE_ID } from './archive-builder.ts';

export const POLICY = { logDays: 3, snapshotDays: 30, byAge: false };
export const PLACE = { archive: ARCHIVE_ID, keyPrefix: 'team/app/', keepsVersions: true };

/** The rules that rigctl sets up by default, but for these changes. */
export function wantedRules(
  changes: Partial<typeof POLICY & typeof PLACE> = {},
): readonly NewLifecycleRule[] {
  return ownRules({ ...PLACE, ...changes }, { ...POLICY, ...changes });
}

/** A rule as a server would give it back. */
export function storedRule(wanted: Partial<LifecycleRule>): LifecycleRule {
  const rule = {
    id: 'foreign' as string | undefined,
    prefix: '',
    tags: {},
    enabled: true,
    hasTransitions: false,
    unknownElements: [],
    ...wanted,
  };
  return { text: textOf(rule), ...rule };
}

function textOf(rule: Omit<LifecycleRule, 'text'>): string {
  const { id, prefix, tags, enabled, hasTransitions, unknownElements } = rule;
  const { expireAfterDays, expireNoncurrentAfterDays, expireDeleteMarkers, abortUploadsAfterDays } = rule;
  const tagTexts = Object.entries(tags).map(
    ([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`,
  );
  const parts = [
    id === undefined ? '' : `<ID>${id}</ID>`,
    `<Filter><And><Prefix>${prefix}</Prefix>${tagTexts.join('')}</And></Filter>`,
    `<Status>${enabled ? 'Enabled' : 'Disabled'}</Status>`,
    expireAfterDays === undefined ? '' : `<Expiration><Days>${expireAfterDays}</Days></Expiration>`,
    expireDeleteMarkers === true ? '<Expiration><Marker/></Expiration>' : '',
    expireNoncurrentAfterDays === undefined ? '' : `<Noncurrent>${expireNoncurrentAfterDays}</Noncurrent>`,
    abortUploadsAfterDays === undefined ? '' : `<Abort>${abortUploadsAfterDays}</Abort>`,
    hasTransitions ? '<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>' : '',
    ...unknownElements.map((name) => `<${name}>1</${name}>`),
  ];
  return `<Rule>${parts.join('')}</Rule>`;
}

/** What a server has after these rules were written to it. */
export function asStored(rules: readonly (LifecycleRule | NewLifecycleRule)[]): LifecycleRule[] {
  return rules.map((rule) => ('text' in rule ? rule : storedRule(rule)));
}
