// Both catalogues: what a token may hold, and what a member may hold.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, UNKNOWN, all, one, pagesOf, refused, test, there } from './support.js';

const ZONE = 'com.cloudflare.api.account.zone';
const DNS_READ = '82e64a83756745bbbb1c9c2701bf816b';

test('the permission groups for account tokens are listed', async ({ client, here }) => {
  const groups = await all(client.accounts.tokens.permissionGroups.list(here));
  assert.ok(groups.length > 300);
  assert.match(there(groups[0]?.id), ID);
  const read = there(groups.find((group) => group.id === DNS_READ));
  assert.deepEqual([read.name, read.scopes, read.category], ['DNS Read', [ZONE], 'dns_and_zones']);
});

test('get of the permission groups for account tokens gives the same list', async ({ client, here }) => {
  const listed = await all(client.accounts.tokens.permissionGroups.list(here));
  const got = await client.accounts.tokens.permissionGroups.get(here);
  assert.deepEqual(got, listed);
});

test('name and scope filter the permission groups for account tokens', async ({ client, here }) => {
  const list = async (query: { name?: string; scope?: string }) =>
    (await all(client.accounts.tokens.permissionGroups.list({ ...here, ...query }))).map((group) => group.id);
  assert.deepEqual(await list({ name: 'DNS Read', scope: ZONE }), [DNS_READ]);
  assert.equal((await list({ name: 'Disable ESC Read' })).length, 2);
  assert.deepEqual(await list({ name: 'Disable ESC Read', scope: ZONE }), ['e199d584e69344eba202452019deafe3']);
  assert.deepEqual(await list({ name: 'no such permission group' }), []);
  assert.deepEqual(await list({ name: 'DNS%20Read' }), []);
});

test('name and scope filter the permission groups for user tokens', async ({ client }) => {
  const groups = client.user.tokens.permissionGroups;
  assert.ok((await all(groups.list())).some((group) => group.name === 'API Tokens Write'));
  assert.equal(one(await all(groups.list({ name: 'DNS Read', scope: ZONE }))).id, DNS_READ);
  assert.deepEqual(await all(groups.list({ name: 'DNS Read', scope: 'com.cloudflare.api.user' })), []);
});

test('iam permission groups are paged to the end', async ({ iam, here }) => {
  const pages = await pagesOf(iam.permissionGroups.list({ ...here, per_page: 5 }));
  assert.ok(pages.length > 4);
  const groups = pages.flat();
  const names = groups.map((group) => there(group.name).toLowerCase());
  assert.deepEqual(names, names.toSorted());
  assert.equal(new Set(groups.map((group) => group.id)).size, groups.length);
});

test('an iam permission group is found by id, name and label', async ({ iam, here }) => {
  const found = one(await all(iam.permissionGroups.list({ ...here, label: 'admin_readonly' })));
  assert.deepEqual(await all(iam.permissionGroups.list({ ...here, name: 'Administrator Read Only' })), [found]);
  assert.deepEqual(await all(iam.permissionGroups.list({ ...here, id: found.id })), [found]);
  assert.deepEqual(await all(iam.permissionGroups.list({ ...here, label: 'no_such_label' })), []);
});

test('an iam permission group has details', async (caller) => {
  const group = await caller.iam.permissionGroups.get(await caller.label('admin'), caller.here);
  assert.deepEqual(
    [group.name, group.meta?.label, group.meta?.scopes, group.meta?.editable],
    ['Administrator', 'admin', 'com.cloudflare.api.account', 'false'],
  );
});

test('an unknown iam permission group is not found', ({ iam, here }) =>
  refused(Cloudflare.NotFoundError, iam.permissionGroups.get(UNKNOWN, here), 1002));
