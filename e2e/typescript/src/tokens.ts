// API tokens of the account and of the user, and what a person sees of its memberships.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { ID, all, refused, test, type Caller } from './support.js';

const { AuthenticationError, BadRequestError, NotFoundError } = Cloudflare;

async function policies(caller: Caller, names = ['DNS Read']) {
  const groups: { id: string }[] = [];
  for (const name of names) {
    const [group] = await all(caller.client.accounts.tokens.permissionGroups.list({ account_id: caller.account, name }));
    groups.push({ id: group!.id! });
  }
  return [{ effect: 'allow' as const, permission_groups: groups, resources: { [`com.cloudflare.api.account.${caller.account}`]: '*' } }];
}

function withToken(caller: Caller, apiToken: string) {
  return new Cloudflare({ baseURL: caller.client.baseURL, apiToken, apiEmail: null, apiKey: null, maxRetries: 0 });
}

test('a token of the account is made, used, rolled and removed', async (caller) => {
  const { tokens } = caller.client.accounts;
  const account_id = caller.account;
  const condition = { request_ip: { in: ['127.0.0.0/8'], not_in: ['10.0.0.1/32'] } };
  const made = await tokens.create({ account_id, name: 'ci', policies: await policies(caller), expires_on: '2099-01-01T00:00:00Z', condition });
  assert.match(made.id!, ID);
  assert.deepEqual([made.name, made.status, made.value?.slice(0, 5)], ['ci', 'active', 'cfat_']);
  const read = await tokens.get(made.id!, { account_id });
  assert.deepEqual([read.condition?.request_ip, read.expires_on], [condition.request_ip, '2099-01-01T00:00:00Z']);
  const own = withToken(caller, made.value!);
  assert.equal((await own.accounts.tokens.verify({ account_id })).status, 'active');
  const updated = await tokens.update(made.id!, { account_id, name: 'renamed', policies: await policies(caller, ['DNS Write', 'DNS Read']) });
  assert.deepEqual(updated.policies?.[0]?.permission_groups.map((group) => group.name), ['DNS Write', 'DNS Read']);
  assert.equal(updated.condition, undefined);
  const rolled = await tokens.value.update(made.id!, { account_id });
  await refused(AuthenticationError, own.accounts.tokens.verify({ account_id }));
  assert.equal((await withToken(caller, rolled).accounts.tokens.verify({ account_id })).id, made.id);
  assert.ok((await all(tokens.list({ account_id, per_page: 5 }))).some((token) => token.id === made.id));
  assert.equal((await tokens.delete(made.id!, { account_id }))?.id, made.id);
  await refused(NotFoundError, tokens.get(made.id!, { account_id }));
  await refused(NotFoundError, tokens.delete(made.id!, { account_id }));
});

test('a token of the user is made, used, rolled and removed', async (caller) => {
  const { tokens } = caller.client.user;
  const made = await tokens.create({ name: 'mine', policies: await policies(caller) });
  assert.equal(made.value?.slice(0, 5), 'cfut_');
  assert.equal((await withToken(caller, made.value!).user.tokens.verify()).status, 'active');
  const rolled = await tokens.value.update(made.id!);
  assert.equal((await withToken(caller, rolled).user.tokens.verify()).id, made.id);
  const disabled = await tokens.update(made.id!, { name: 'mine', policies: await policies(caller), status: 'disabled' });
  assert.equal(disabled.status, 'disabled');
  assert.equal((await withToken(caller, rolled).user.tokens.verify()).status, 'disabled');
  assert.equal((await tokens.delete(made.id!))?.id, made.id);
  await refused(NotFoundError, tokens.get(made.id!));
});

test('a token that says nothing sensible is refused', async (caller) => {
  const { tokens } = caller.client.accounts;
  const account_id = caller.account;
  const good = await policies(caller);
  await refused(BadRequestError, tokens.create({ account_id, name: 'x'.repeat(121), policies: good }));
  await refused(BadRequestError, tokens.create({ account_id, name: 'denies', policies: good.map((policy) => ({ ...policy, effect: 'deny' as const })) }));
  await refused(BadRequestError, tokens.create({ account_id, name: 'net', policies: good, condition: { request_ip: { in: ['10.0.0.0/33'] } } }));
});

test('memberships and the user are seen by the person', async (caller) => {
  const { memberships, user } = caller.client;
  const own = (await all(memberships.list({ per_page: 5 }))).find((one) => one.account?.id === caller.account);
  const got = await memberships.get(own!.id!);
  assert.deepEqual([got.status, got.account?.id, got.permissions?.organization], ['accepted', caller.account, { read: true, write: true }]);
  assert.equal((await memberships.update(own!.id!, { status: 'accepted' })).id, own!.id);
  assert.deepEqual(await all(user.invites.list()), []);
  assert.equal((await user.edit({ first_name: 'Ada' })).first_name, 'Ada');
  assert.equal((await user.edit({ first_name: null })).first_name, null);
});

test('an account is renamed and deleted', async (caller) => {
  const { accounts } = caller.client;
  const made = await accounts.create({ name: caller.name('Short lived'), type: 'standard' });
  const renamed = await accounts.update({ account_id: made.id, id: made.id, name: 'Renamed', type: 'standard', settings: { enforce_twofactor: true } });
  assert.deepEqual([renamed.name, renamed.settings?.enforce_twofactor], ['Renamed', true]);
  assert.equal((await accounts.delete({ account_id: made.id }))?.id, made.id);
  assert.ok(!(await all(accounts.list())).some((account) => account.id === made.id));
});
