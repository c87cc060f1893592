// Who is in a user group.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { type Caller, ID, UNKNOWN, all, one, pagesOf, refused, test, there } from './support.js';

const { BadRequestError, NotFoundError } = Cloudflare;

/** A user group and what is done with its members. */
async function groupOf(caller: Caller, name: string) {
  const { id } = await caller.userGroup(name);
  const { members } = caller.iam.userGroups;
  const inGroup = { ...caller.here, user_group_id: id };
  const written = (ids: string[]) => ({ ...caller.here, members: ids.map((member) => ({ id: member })) });
  return {
    id,
    add: (...ids: string[]) => all(members.create(id, written(ids))),
    replace: (...ids: string[]) => all(members.update(id, written(ids))),
    remove: (member: string) => members.delete(member, inGroup),
    get: (member: string) => members.get(member, inGroup),
    ids: async (query: Omit<Cloudflare.IAM.UserGroups.MemberListParams, 'account_id'> = {}) =>
      (await all(members.list(id, { ...caller.here, ...query }))).map((member) => member.id),
  };
}

async function membersOf(caller: Caller, ...locals: string[]): Promise<string[]> {
  const ids = [];
  for (const local of locals) ids.push(there((await caller.member(local)).id));
  return ids;
}

test('members join and leave a user group', async (caller) => {
  const group = await groupOf(caller, 'Joined');
  const [first, second] = (await membersOf(caller, 'joined.a', 'joined.b')) as [string, string];
  const added = one(await group.add(first));
  assert.match(added.id, ID);
  assert.deepEqual([added.id, added.email, added.status], [first, caller.email_of('joined.a'), 'pending']);
  await group.add(second);
  assert.deepEqual(await group.ids(), [first, second]);
  await group.add(first);
  assert.deepEqual(await group.ids(), [first, second]);

  assert.equal((await group.remove(first)).id, first);
  assert.deepEqual(await group.ids(), [second]);
  await refused(NotFoundError, group.remove(first), 1002);
  await refused(NotFoundError, group.get(first), 1002);
});

test('the members of a user group are replaced', async (caller) => {
  const group = await groupOf(caller, 'Replaced');
  const [a, b, c] = (await membersOf(caller, 'replaced.a', 'replaced.b', 'replaced.c')) as [string, string, string];
  assert.deepEqual((await group.replace(c, a)).map((member) => member.id), [c, a]);
  assert.deepEqual(await group.ids(), [a, c]);
  assert.deepEqual((await group.replace(b)).map((member) => member.id), [b]);
  assert.deepEqual(await group.replace(), []);
  assert.deepEqual(await group.ids(), []);
});

test('a member of a user group has details', async (caller) => {
  const group = await groupOf(caller, 'Details');
  const id = one(await membersOf(caller, 'details'));
  await group.add(id);
  const member = await group.get(id);
  assert.deepEqual([member.id, member.email, member.status], [id, caller.email_of('details'), 'pending']);
  assert.ok(Date.parse(there(member.created_at)) > 0);
});

test('the members of a user group are paged, sorted and found', async (caller) => {
  const group = await groupOf(caller, 'Paged');
  const letters = [...'gbfaced'];
  const ids = await membersOf(caller, ...letters.map((letter) => `paged.${letter}`));
  await group.replace(...ids);
  const sorted = letters.toSorted().map((letter) => there(ids[letters.indexOf(letter)]));
  const pages = await pagesOf(caller.iam.userGroups.members.list(group.id, { ...caller.here, per_page: 3 }));
  assert.deepEqual(pages.slice(0, 3).map((page) => page.length), [3, 3, 1]);
  assert.deepEqual(await group.ids(), sorted);
  assert.deepEqual(await group.ids({ direction: 'desc' }), sorted.toReversed());
  assert.deepEqual(await group.ids({ fuzzyEmail: 'PAGED.C' }), [sorted[2]]);
  assert.deepEqual(await group.ids({ fuzzyEmail: 'nobody' }), []);
  assert.deepEqual(await group.ids({ page: 9 }), []);
});

test('an unknown member spoils the whole request', async (caller) => {
  const group = await groupOf(caller, 'Spoiled');
  const known = one(await membersOf(caller, 'spoiled'));
  await refused(BadRequestError, group.add(known, UNKNOWN));
  await refused(BadRequestError, group.replace(UNKNOWN));
  assert.deepEqual(await group.ids(), []);
});

test('a deleted user group has no members', async (caller) => {
  const group = await groupOf(caller, 'Gone');
  await group.add(one(await membersOf(caller, 'gone')));
  await caller.iam.userGroups.delete(group.id, caller.here);
  await refused(NotFoundError, group.ids(), 1002);
});
