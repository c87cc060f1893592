// The older view of what a member may hold.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { UNKNOWN, pagesOf, refused, test, there } from './support.js';

test('roles are paged to the end', async ({ client, here }) => {
  const pages = await pagesOf(client.accounts.roles.list({ ...here, per_page: 10 }));
  assert.ok(pages.length > 3);
  const roles = pages.flat();
  assert.equal(new Set(roles.map((role) => role.id)).size, roles.length);
  assert.ok(roles.some((role) => role.name === 'Super Administrator - All Privileges'));
});

test('a role has details', async ({ client, here }) => {
  const listed = there((await client.accounts.roles.list(here)).result[0]);
  const role = await client.accounts.roles.get(listed.id, here);
  assert.deepEqual(role, listed);
  assert.equal(typeof role.description, 'string');
  assert.equal(typeof there(role.permissions.organization).read, 'boolean');
});

test('an unknown role is not found', ({ client, here }) =>
  refused(Cloudflare.NotFoundError, client.accounts.roles.get(UNKNOWN, here)));
