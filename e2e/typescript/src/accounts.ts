// Accounts, and the registry of their zones.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, all, refused, test } from './support.js';

const { NotFoundError } = Cloudflare;

test('an account is made, listed and read', async (caller) => {
  const { accounts } = caller.client;
  const made = await accounts.create({ name: caller.name('Second'), type: 'standard' });
  assert.match(made.id, ID);
  const listed = (await all(accounts.list({ per_page: 5 }))).map((account) => account.id);
  assert.ok(listed.includes(caller.account) && listed.includes(made.id));
  const got = await accounts.get({ account_id: made.id });
  assert.deepEqual([got.id, got.name, got.type], [made.id, caller.name('Second'), 'standard']);
  assert.equal(got.settings?.enforce_twofactor, false);
  assert.deepEqual((await all(accounts.list({ name: made.name }))).map((account) => account.id), [made.id]);
});

test('a zone is registered, listed, read and removed', async (caller) => {
  const { zones } = caller.client;
  const made = await caller.zone('registered');
  assert.match(made.id, ID);
  assert.equal(made.account.id, caller.account);
  assert.deepEqual(await zones.get({ zone_id: made.id }), made);
  assert.deepEqual((await all(zones.list({ name: made.name }))).map((zone) => zone.id), [made.id]);
  const mine = await all(zones.list({ account: { id: caller.account }, per_page: 5 }));
  assert.ok(mine.some((zone) => zone.id === made.id));
  assert.equal((await zones.delete({ zone_id: made.id }))?.id, made.id);
  await refused(NotFoundError, zones.get({ zone_id: made.id }));
  await refused(NotFoundError, zones.delete({ zone_id: made.id }));
});
