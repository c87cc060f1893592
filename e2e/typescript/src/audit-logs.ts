// The audit log: by cursor, by object, and in its older form.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, all, one, pagesOf, refused, test, there } from './support.js';

const { BadRequestError, NotFoundError } = Cloudflare;

/** Yesterday to the day after tomorrow, in UTC. */
function days(): { since: string; before: string } {
  const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  return { since: day(-1), before: day(2) };
}

test('the audit log is walked by its cursor to the end', async (caller) => {
  const group = await caller.userGroup('audited');
  await refused(BadRequestError, caller.userGroup('audited'), 1003);
  const { audit } = caller.client.accounts.logs;
  const pages = await pagesOf(audit.list({ ...caller.here, ...days(), limit: 3 }));
  assert.ok(pages.length > 1);
  const entries = pages.flat();
  assert.equal(new Set(entries.map((entry) => entry.id)).size, entries.length);
  assert.ok(entries.some((entry) => entry.resource?.id === group.id && entry.action?.type === 'create'));
  const failed = there(entries.find((entry) => entry.action?.result === 'failure' && entry.resource?.product === 'user_groups'));
  assert.equal(failed.raw?.status_code, 400);
  assert.equal(failed.actor?.email, caller.email);
  assert.equal(failed.actor?.context, caller.scheme === 'token' ? 'api_token' : 'api_key');
  assert.equal(failed.account?.id, caller.account);
});

test('entries of the audit log are left out by what they are', async (caller) => {
  const group = await caller.userGroup('filtered');
  const { audit } = caller.client.accounts.logs;
  const question = { ...caller.here, ...days(), limit: 1000 };
  const successes = await all(audit.list({ ...question, action_result: { not: ['failure'] }, actor_type: { not: ['system'] } }));
  assert.ok(successes.length > 0);
  assert.ok(successes.every((entry) => entry.action?.result === 'success' && entry.actor?.type !== 'system'));
  const others = await all(audit.list({ ...question, resource_id: { not: [there(group.id)] } }));
  assert.ok(others.every((entry) => entry.resource?.id !== group.id));
  const members = await all(audit.list({ ...question, product_category: ['access_control'], direction: 'asc' }));
  assert.ok(members.some((entry) => entry.resource?.id === group.id));
  await refused(BadRequestError, audit.list({ ...question, product_category: ['nonsense'] }), 1001, '?product_category');
  await refused(BadRequestError, audit.list({ ...question, before: question.since }), 1001, '?since');
  await refused(BadRequestError, audit.list({ ...question, cursor: 'nonsense' }), 1001, '?cursor');
});

test('the history of an object is asked for by one of its entries', async (caller) => {
  const group = await caller.userGroup('with a history');
  const id = there(group.id);
  await caller.iam.userGroups.update(id, { ...caller.here, name: caller.name('with a longer history') });
  const { audit } = caller.client.accounts.logs;
  const entries = await all(audit.list({ ...caller.here, ...days(), limit: 1000 }));
  const entry = there(entries.find((one) => one.resource?.id === id));
  const question = { ...caller.here, ...days(), action_time: there(entry.action?.time) };
  const history = there(await audit.history(there(entry.id), question));
  assert.deepEqual(history.map((one) => one.action?.type), ['update', 'create']);
  await refused(NotFoundError, audit.history('f174be97-19b1-40d6-954d-70cd5fbd52db', question), 1002);
});

test('the categories of products are listed', async (caller) => {
  const categories = await all(caller.client.accounts.logs.audit.productCategories(caller.here));
  assert.ok(categories.some((category) => category.value === 'access_control' && there(category.products).length > 0));
});

test('the older audit logs are paged by number', async (caller) => {
  const group = await caller.userGroup('in the older log');
  const logs = await all(caller.client.auditLogs.list({ ...caller.here, per_page: 50, direction: 'desc' }));
  const made = one(logs.filter((log) => log.resource?.id === group.id));
  assert.deepEqual([made.action?.type, made.action?.result, made.actor?.email], ['add', true, caller.email]);
  assert.equal(made.owner?.id, caller.account);
  const own = await all(caller.client.user.auditLogs.list({ per_page: 5 }));
  assert.ok(own.length > 0);
  assert.match(there(own[0]?.owner?.id), ID);
});
