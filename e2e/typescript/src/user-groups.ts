// Groups of members, and the policies that they carry.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, UNKNOWN, all, one, pagesOf, refused, test, there } from './support.js';

const { BadRequestError, NotFoundError } = Cloudflare;
const MANY = 45;

test('a user group lives and dies', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.userGroups;
  const made = await caller.userGroup('Staff');
  assert.match(made.id, ID);
  assert.ok(Date.parse(made.created_on) > 0 && Date.parse(made.modified_on) > 0);
  assert.ok(!('policies' in made));
  assert.deepEqual(await groups.get(made.id, here), made);

  const renamed = await groups.update(made.id, { ...here, name: caller.name('Crew') });
  assert.deepEqual([renamed.name, renamed.created_on], [caller.name('Crew'), made.created_on]);
  assert.ok(renamed.modified_on > made.modified_on);

  assert.equal((await groups.delete(made.id, here))?.id, made.id);
  await refused(NotFoundError, groups.get(made.id, here), 1002);
  await refused(NotFoundError, groups.delete(made.id, here), 1002);
  await refused(NotFoundError, groups.update(made.id, { ...here, name: 'x' }), 1002);
});

test('policies of a user group are shown in full and in their order', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.userGroups;
  const policies = [await caller.policy('dns_admin'), await caller.policy('admin_readonly', 'deny')];
  const made = there((await caller.userGroup('Policies', policies)).policies);
  assert.deepEqual(made.map((policy) => policy.access), ['allow', 'deny']);
  const first = there(made[0]);
  assert.match(there(first.id), ID);
  assert.equal(first.permission_groups?.[0]?.name, 'DNS');
  const place = there(first.resource_groups?.[0]);
  assert.deepEqual([place.id, place.scope.objects], [await caller.builtin(), [{ key: '*' }]]);

  // Policies that are sent with their ids keep them, the order is the client's, and a new one gets an id.
  const group = one(await all(groups.list({ ...here, name: caller.name('Policies') })));
  const sent = made.map((policy, index) => ({ id: there(policy.id), ...there(policies[index]) }));
  const added = (await caller.policy('teams_admin')) as (typeof sent)[number];
  const turned = there((await groups.update(group.id, { ...here, policies: [added, ...sent.toReversed()] })).policies);
  assert.deepEqual(turned.slice(1).map((policy) => policy.id), [made[1]?.id, made[0]?.id]);
  assert.match(there(turned[0]?.id), ID);
  assert.deepEqual((await groups.update(group.id, { ...here, name: caller.name('Policies kept') })).policies, turned);
  assert.ok(!('policies' in (await groups.update(group.id, { ...here, policies: [] }))));
});

test('an update of a user group with nothing keeps the time', async (caller) => {
  const made = await caller.userGroup('Same', [await caller.policy('dns_admin')]);
  assert.deepEqual(await caller.iam.userGroups.update(made.id, caller.here), made);
  assert.deepEqual(await caller.iam.userGroups.update(made.id, { ...caller.here, name: made.name }), made);
});

test('many user groups are paged to the end', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.userGroups;
  const made = new Set<string>();
  for (let number = 0; number < MANY; number++) {
    made.add((await caller.userGroup(`Many ${String(number).padStart(2, '0')}`)).id);
  }
  const pages = await pagesOf(groups.list({ ...here, per_page: 20 }));
  assert.deepEqual(pages.slice(0, 2).map((page) => page.length), [20, 20]);
  const ids = pages.flat().map((group) => group.id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok([...made].every((id) => ids.includes(id)));

  const found = await all(groups.list({ ...here, fuzzyName: 'MANY', per_page: 7 }));
  assert.equal(found.filter((group) => made.has(group.id)).length, MANY);
  assert.deepEqual((await groups.list({ ...here, page: 99 })).result, []);
});

test('user groups are sorted and found by name', async (caller) => {
  const { here } = caller;
  const names = ['b', 'c', 'a'].map((letter) => `Sorted ${letter}`);
  for (const name of names) await caller.userGroup(name);
  const wanted = names.map((name) => caller.name(name)).toSorted();
  const found = async (query: Omit<Cloudflare.IAM.UserGroupListParams, 'account_id'>) =>
    (await all(caller.iam.userGroups.list({ ...here, ...query }))).map((group) => group.name);
  const mine = (name: string) => name.endsWith(caller.scheme);
  assert.deepEqual((await found({ fuzzyName: 'sorted' })).filter(mine), wanted);
  assert.deepEqual((await found({ fuzzyName: 'sorted', direction: 'desc' })).filter(mine), wanted.toReversed());
  assert.deepEqual(await found({ name: there(wanted[0]) }), [wanted[0]]);
  assert.deepEqual(await found({ name: 'Sorted' }), []);
  assert.deepEqual(await found({ fuzzyName: 'Sort%' }), []);
  const group = one(await all(caller.iam.userGroups.list({ ...here, name: there(wanted[1]) })));
  assert.deepEqual(await found({ id: group.id }), [wanted[1]]);
});

test('a user group name is taken once', async (caller) => {
  const made = await caller.userGroup('Taken');
  const other = await caller.userGroup('Other');
  await refused(BadRequestError, caller.userGroup('Taken'), 1003, '/name');
  await refused(BadRequestError, caller.userGroup('tAKEN'), 1003, '/name');
  await refused(BadRequestError, caller.iam.userGroups.update(other.id, { ...caller.here, name: made.name }), 1003, '/name');
  await refused(BadRequestError, caller.iam.userGroups.create({ ...caller.here, name: '' }), 1003, '/name');
});

test('a policy names known groups', async (caller) => {
  const policy = await caller.policy('dns_admin');
  const create = (change: Partial<typeof policy>) => caller.userGroup('Wrong', [{ ...policy, ...change }]);
  const unknown = [{ id: UNKNOWN }];
  await refused(BadRequestError, create({ permission_groups: unknown }), undefined, '/policies/0/permission_groups/0/id');
  await refused(BadRequestError, create({ resource_groups: unknown }), undefined, '/policies/0/resource_groups/0/id');
  // An id of the other catalogue is refused, and the refusal says where to look.
  const token = create({ permission_groups: [{ id: '4755a26eedb94da69e1066d98aa820be' }] });
  const error = await refused(BadRequestError, token, undefined, '/policies/0/permission_groups/0/id');
  assert.match(there(error.message), /iam\/permission_groups/);
});

test('an account-wide permission group does not fit a domain', async (caller) => {
  const place = await caller.builtin((await caller.zone('ug-pair')).id);
  await refused(BadRequestError, caller.userGroup('Pair', [await caller.policy('admin', 'allow', place)]), 1006);
  const fits = await caller.userGroup('Pair', [await caller.policy('domain_admin', 'allow', place)]);
  assert.equal(fits.policies?.[0]?.resource_groups?.[0]?.id, place);
});
