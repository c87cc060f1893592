// Who belongs to the account, and what each may do.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { type Caller, ID, UNKNOWN, all, one, pagesOf, refused, test, there } from './support.js';

const { BadRequestError, NotFoundError } = Cloudflare;
const MANY = 25;

async function role({ client, here }: Caller, name: string) {
  return there((await all(client.accounts.roles.list(here))).find((role) => role.name === name));
}

test('a member is added with roles and given others', async (caller) => {
  const { here } = caller;
  const { members } = caller.client.accounts;
  const reader = await role(caller, 'Administrator Read Only');
  const made = await members.create({ ...here, email: caller.email_of('with.roles'), roles: [reader.id] });
  const id = there(made.id);
  assert.match(id, ID);
  assert.deepEqual([made.status, made.user?.email], ['pending', caller.email_of('with.roles')]);
  const got = await members.get(id, here);
  assert.deepEqual(got.roles, [reader]);
  // A role is seen as a policy, too: its permission group on the whole account.
  const policy = one(there(got.policies));
  assert.deepEqual([policy.access, policy.resource_groups?.[0]?.id], ['allow', await caller.builtin()]);
  assert.equal(policy.permission_groups?.[0]?.id, await caller.label('admin_readonly'));

  const updated = await members.update(id, { ...here, roles: [{ id: (await role(caller, 'DNS')).id }] });
  assert.deepEqual(updated.roles?.map((role) => role.name), ['DNS']);
  assert.equal((await members.delete(id, here))?.id, id);
  await refused(NotFoundError, members.get(id, here));
  await refused(NotFoundError, members.delete(id, here));
});

test('a member is added with policies and given others', async (caller) => {
  const { here } = caller;
  const { members } = caller.client.accounts;
  const made = await members.create({ ...here, email: caller.email_of('with.policies'), policies: [await caller.policy('dns_admin')] });
  const id = there(made.id);
  const got = await members.get(id, here);
  assert.deepEqual(got.roles?.map((role) => role.name), ['DNS']);
  assert.equal(got.policies?.[0]?.permission_groups?.[0]?.id, await caller.label('dns_admin'));
  const place = await caller.builtin((await caller.zone('am-policies')).id);
  const policies = [await caller.policy('domain_admin', 'allow', place), await caller.policy('admin_readonly', 'deny')];
  const updated = there((await members.update(id, { ...here, policies })).policies);
  assert.deepEqual(updated.map((policy) => policy.access), ['allow', 'deny']);
  assert.equal(updated[0]?.resource_groups?.[0]?.id, place);
});

test('an invited member can be invited again', async (caller) => {
  const first = await caller.member('again');
  const policies = [await caller.policy('dns_admin')];
  const again = await caller.client.accounts.members.create({ ...caller.here, email: caller.email_of('again'), policies });
  assert.deepEqual([again.id, again.policies?.length], [first.id, 1]);
});

test('members are paged, sorted and filtered', async (caller) => {
  const { here, client } = caller;
  const made: string[] = [];
  for (let number = 10; number < 10 + MANY; number++) made.push(there((await caller.member(`many.${number}`)).id));
  const pages = await pagesOf(client.accounts.members.list({ ...here, per_page: 10 }));
  assert.ok(pages.length >= 3);
  const ids = pages.flat().map((member) => there(member.id));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(made.every((id) => ids.includes(id)));

  const emails = async (query: Omit<Cloudflare.Accounts.MemberListParams, 'account_id'>) =>
    (await all(client.accounts.members.list({ ...here, ...query }))).map((member) => there(member.user).email);
  const sorted = await emails({ order: 'user.email' });
  assert.deepEqual(sorted, sorted.toSorted());
  assert.deepEqual(await emails({ order: 'user.email', direction: 'desc' }), sorted.toReversed());
  assert.deepEqual(await emails({ status: 'accepted' }), [caller.email]);
  assert.ok(!(await emails({ status: 'pending' })).includes(caller.email));
});

test('the only super administrator stays', async (caller) => {
  const { here } = caller;
  const { members } = caller.client.accounts;
  const id = there(one(await all(members.list({ ...here, status: 'accepted' }))).id);
  await refused(BadRequestError, members.delete(id, here), 1012);
  await refused(BadRequestError, members.update(id, { ...here, policies: [] }), 1012);
});

test('a member needs a known role and an address', async ({ client, here, ...caller }) => {
  const { members } = client.accounts;
  const email = `wrong.role.${caller.scheme}@members.example.com`;
  await refused(BadRequestError, members.create({ ...here, email, roles: [UNKNOWN] }));
  await refused(BadRequestError, members.create({ ...here, email: 'nobody', roles: [] }), undefined, '/email');
  await refused(NotFoundError, members.get(UNKNOWN, here));
});

test('dev accepts a member at once', async (caller) => {
  const dev = caller.dev();
  const { members } = dev.client.accounts;
  const made = await members.create({ ...dev.here, email: dev.email_of('accepted'), roles: [], status: 'accepted' });
  assert.equal((await members.get(there(made.id), dev.here)).status, 'accepted');
});
