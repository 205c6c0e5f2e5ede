import { expect, test } from 'vitest';
import { errnoOf, RigError } from '../../src/kernel/errors.ts';

test.each(['ENOENT', 'EAI_AGAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
  '%s says why a system call or a connection failed',
  (code) => {
    expect(errnoOf(Object.assign(new Error('failed'), { code }))).toBe(code);
  },
);

test('the code of an error of ours is none of the system', () => {
  expect(errnoOf(new RigError('RIG_LOCAL_IO', 'cannot read it'))).toBeUndefined();
  expect(errnoOf(Object.assign(new Error('of a clone'), { code: 25 }))).toBeUndefined();
});
