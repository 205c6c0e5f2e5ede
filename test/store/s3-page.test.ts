import { describe, expect, it } from 'vitest';
import { splitPage } from '../../src/store/drivers/s3-page.ts';

const NOON_MS = Date.UTC(2026, 10, 22, 12);

const ENTRY =
  '<Contents><Key>a%2FLOG%2F0000000000000001</Key><LastModified>2026-11-22T12:00:00.000Z</LastModified>' +
  '<ETag>&quot;d41d&quot;</ETag><Size>12</Size><Owner><ID>me</ID><DisplayName>me</DisplayName></Owner></Contents>';

const pageOf = (entries: string) =>
  `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${entries}` +
  '<IsTruncated>false</IsTruncated></ListBucketResult>';

describe('a page of a listing', () => {
  it('may not go on after its end, or begin before its beginning', () => {
    expect(splitPage(pageOf('') + ENTRY)).toBeUndefined();
    expect(splitPage(ENTRY + pageOf(''))).toBeUndefined();
    expect(splitPage(pageOf(ENTRY).slice(0, -5))).toBeUndefined();
  });

  it('is taken apart into entries, in order, and the rest', () => {
    const second = ENTRY.replace('0001<', '0002<').replace('12</Size>', '0</Size>');
    expect(splitPage(pageOf(`${ENTRY}\n${second}`))).toEqual({
      entries: [
        { key: 'a%2FLOG%2F0000000000000001', sizeBytes: 12, modifiedAtMs: NOON_MS },
        { key: 'a%2FLOG%2F0000000000000002', sizeBytes: 0, modifiedAtMs: NOON_MS },
      ],
      rest: pageOf('\n'),
    });
    expect(splitPage(pageOf(''))).toEqual({ entries: [], rest: pageOf('') });
  });

  it.each([
    ['an attribute', ENTRY.replace('<Contents>', '<Contents a="b">')],
    ['a prefix', ENTRY.replaceAll('Contents>', 's3:Contents>')],
    ['spaces in a tag', ENTRY.replace('</Contents>', '</Contents >')],
    ['an empty tag', `${ENTRY}<Contents/>`],
    ['a comment', ENTRY.replace('<Size>', '<!-- <Size>1</Size> --><Size>')],
    ['CDATA', ENTRY.replace('d41d', '<![CDATA[</Contents>]]>')],
    ['an entity in the key', ENTRY.replace('a%2F', 'a&#47;')],
    ['a key that was not encoded', ENTRY.replace('a%2F', 'ä ')],
    ['two keys', ENTRY.replace('<Size>', '<Key>b</Key><Size>')],
    ['no key', ENTRY.replace(/<Key>.*<\/Key>/, '')],
    ['an empty key', ENTRY.replace(/<Key>.*<\/Key>/, '<Key></Key>')],
    ['no size', ENTRY.replace('<Size>12</Size>', '')],
    ['a size that is no number', ENTRY.replace('12</Size>', '1e3</Size>')],
    ['no time', ENTRY.replace(/<LastModified>.*<\/LastModified>/, '')],
    ['a time in another form', ENTRY.replace('2026-11-22T12:00:00.000Z', 'Sun, 22 Nov 2026 12:00:00 GMT')],
    ['an end too few', ENTRY.replace('</Contents>', '')],
    ['a key of the owner too', ENTRY.replace('<Owner>', '<Owner><Key>b</Key>')],
    ['an element that does not end', ENTRY.replace('</Owner>', '')],
    ['a second key with an attribute', ENTRY.replace('<Size>', '<Key x="1">b</Key><Size>')],
    ['a key of the owner alone', ENTRY.replace('<Key>', '<Owner><Key>').replace('</Key>', '</Key></Owner>')],
    ['a time with a space', ENTRY.replace('22T12', '22 12')],
    ['a time to the microsecond', ENTRY.replace('00.000Z', '00.289999Z')],
    ['an entry in another element', `<Name>${ENTRY}</Name>`],
    ['what is longer than anything of S3’s', ENTRY.replace('d41d', 'd'.repeat(70_000))],
    [
      'more owners than can be told apart',
      ENTRY.replace('<Owner>', `${'<Owner></Owner>'.repeat(60)}<x><Owner>`),
    ],
    ['one entry in another', ENTRY.replace('<Owner>', `${ENTRY}<Owner>`)],
  ])('is left to the SDK when there is %s', (_, odd) => {
    expect(splitPage(pageOf(ENTRY + odd + ENTRY))).toBeUndefined();
  });
});
