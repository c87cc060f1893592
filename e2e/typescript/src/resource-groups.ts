// Named sets of resources.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, UNKNOWN, all, refused, test } from './support.js';

const { BadRequestError, NotFoundError, PermissionDeniedError } = Cloudflare;

test('a resource group lives and dies', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.resourceGroups;
  const zones = [(await caller.zone('rg-one')).id, (await caller.zone('rg-two')).id] as const;
  const made = await groups.create({ ...here, name: caller.name('Shops'), scope: caller.scope(...zones) });
  assert.match(made.id, ID);
  assert.equal(made.scope.key, `com.cloudflare.api.account.${caller.account}`);
  assert.deepEqual(made.scope.objects, caller.scope(...zones).objects);
  assert.deepEqual(await groups.get(made.id, here), made);

  const renamed = await groups.update(made.id, { ...here, name: caller.name('Stores') });
  assert.deepEqual([renamed.name, renamed.scope], [caller.name('Stores'), made.scope]);
  const narrowed = await groups.update(made.id, { ...here, scope: caller.scope(zones[0]) });
  assert.deepEqual([narrowed.name, narrowed.scope.objects.length], [caller.name('Stores'), 1]);

  assert.equal((await groups.delete(made.id, here))?.id, made.id);
  await refused(NotFoundError, groups.get(made.id, here), 1002);
  await refused(NotFoundError, groups.delete(made.id, here), 1002);
});

test('resource groups are listed and found', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.resourceGroups;
  const zone = await caller.zone('rg-found');
  const made = await groups.create({ ...here, name: caller.name('Found'), scope: caller.scope(zone.id) });
  const names = (await all(groups.list(here))).map((group) => group.name);
  for (const name of [made.name, `com.cloudflare.api.account.${caller.account}`, `com.cloudflare.api.account.zone.${zone.id}`]) {
    assert.ok(names.includes(name), name);
  }
  assert.deepEqual(await all(groups.list({ ...here, id: made.id })), [made]);
  assert.deepEqual(await all(groups.list({ ...here, name: caller.name('Found') })), [made]);
  assert.deepEqual(await all(groups.list({ ...here, name: 'no such group' })), []);
});

test('an update of a resource group with nothing changes nothing', async (caller) => {
  const groups = caller.iam.resourceGroups;
  const made = await groups.create({ ...caller.here, name: caller.name('Same'), scope: caller.scope() });
  assert.deepEqual(await groups.update(made.id, caller.here), made);
});

test('the built-in resource groups cannot be changed', async (caller) => {
  const { here } = caller;
  const zone = await caller.zone('rg-builtin');
  for (const group of [await caller.builtin(), await caller.builtin(zone.id)]) {
    await refused(PermissionDeniedError, caller.iam.resourceGroups.delete(group, here));
    await refused(PermissionDeniedError, caller.iam.resourceGroups.update(group, { ...here, name: caller.name('Mine') }));
  }
});

test('a resource group in use is kept', async (caller) => {
  const { here } = caller;
  const groups = caller.iam.resourceGroups;
  const made = await groups.create({ ...here, name: caller.name('Used'), scope: caller.scope() });
  const user = await caller.userGroup('Users of Used', [await caller.policy('admin_readonly', 'allow', made.id)]);
  await refused(BadRequestError, groups.delete(made.id, here), 1010);
  await caller.iam.userGroups.delete(user.id, here);
  assert.equal((await groups.delete(made.id, here))?.id, made.id);
});

test('a resource group name is taken once', async (caller) => {
  const create = (name: string) => caller.iam.resourceGroups.create({ ...caller.here, name, scope: caller.scope() });
  await create(caller.name('Taken'));
  for (const name of [caller.name('Taken'), `  ${caller.name('tAKEN')} `, '', 'com.cloudflare.api.mine']) {
    await refused(BadRequestError, create(name), 1003, '/name');
  }
});

test('a scope names known resources of this account', async (caller) => {
  const create = (scope: { key: string; objects: { key: string }[] }) =>
    caller.iam.resourceGroups.create({ ...caller.here, name: caller.name('Wrong'), scope });
  const { key } = caller.scope();
  await refused(BadRequestError, create({ key, objects: [] }), 1001, '/scope/objects');
  const foreign = { key: `com.cloudflare.api.account.${UNKNOWN}`, objects: [{ key: '*' }] };
  await refused(BadRequestError, create(foreign), 1001, '/scope/key');
  await refused(BadRequestError, create(caller.scope(UNKNOWN)), 1001, '/scope/objects/0/key');
});
