// Each failure comes as the SDK's own class for it.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { UNKNOWN, recorded, refused, test } from './support.js';

const { BadRequestError, NotFoundError, PermissionDeniedError } = Cloudflare;

test('a wrong credential is permission denied', async (caller) => {
  const stranger = caller.withCredentials('a'.repeat(40), caller.email, '0'.repeat(37));
  await refused(PermissionDeniedError, stranger.iam.userGroups.list(caller.here), caller.scheme === 'token' ? 9109 : 9103);
});

test('a foreign account is permission denied', ({ iam }) =>
  refused(PermissionDeniedError, iam.userGroups.list({ account_id: UNKNOWN }), 10000));

test('an unknown path is not found', ({ client }) => refused(NotFoundError, client.get('/_stainless_unknown_path')));

test('a wrong value is a bad request with its place', (caller) => {
  const policy = { access: 'perhaps' as 'allow', permission_groups: [], resource_groups: [] };
  return refused(BadRequestError, caller.userGroup('Wrong', [policy]), 1001, '/policies/0/access');
});

test('a failure is asked for once', async (caller) => {
  const passed = await recorded(() => refused(NotFoundError, caller.iam.userGroups.get(UNKNOWN, caller.here), 1002));
  assert.deepEqual(passed.map((request) => [request.status, request.scheme]), [[404, caller.scheme]]);
});
