// SSO connectors, with real DNS.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { type Caller, ID, UNKNOWN, all, control, refused, soon, test, there } from './support.js';

const { BadRequestError, NotFoundError } = Cloudflare;

type Create = Omit<Cloudflare.IAM.SSOCreateParams, 'account_id' | 'email_domain'>;

const domain = (caller: Caller, name: string) => `${name}-${caller.scheme}.example.com`;

async function create(caller: Caller, name: string, more: Create = {}) {
  const made = await caller.iam.sso.create({ ...caller.here, email_domain: domain(caller, name), ...more });
  const verification = there(made.verification);
  return { ...made, id: there(made.id), code: there(verification.code), status: verification.status };
}

async function status({ iam, here }: Caller, connector: string) {
  return (await iam.sso.get(connector, here)).verification?.status;
}

const publish = (caller: Caller, name: string, text: string) => control('dns', { name: domain(caller, name), text });

test('a connector is verified once its record is in the DNS', async (caller) => {
  const made = await create(caller, 'verified', { begin_verification: false });
  assert.match(made.id, ID);
  assert.deepEqual(
    [made.email_domain, made.enabled, made.use_fedramp_language, made.status],
    [domain(caller, 'verified'), false, false, 'awaiting'],
  );
  assert.match(made.code, /^cloudflare_dashboard_sso=[0-9a-f]{32}$/);

  await publish(caller, 'verified', made.code);
  const begun = await caller.iam.sso.beginVerification(made.id, caller.here);
  assert.deepEqual([begun.success, begun.errors], [true, []]);
  assert.ok(await soon(async () => (await status(caller, made.id)) === 'verified'));
  assert.equal((await caller.iam.sso.get(made.id, caller.here)).verification?.code, made.code);
});

test('a connector without its record stays pending until the record is there', async (caller) => {
  const made = await create(caller, 'pending');
  assert.equal(made.status, 'pending');
  const moved = async () => (await status(caller, made.id)) !== 'pending';
  await caller.iam.sso.beginVerification(made.id, caller.here);
  assert.ok(!(await soon(moved, 2)));
  await publish(caller, 'pending', 'some-other-record');
  await caller.iam.sso.beginVerification(made.id, caller.here);
  assert.ok(!(await soon(moved, 2)));
  await publish(caller, 'pending', made.code);
  await caller.iam.sso.beginVerification(made.id, caller.here);
  assert.ok(await soon(async () => (await status(caller, made.id)) === 'verified'));
});

test('a connector is not enabled before a login exists', async (caller) => {
  const { sso } = caller.iam;
  const made = await create(caller, 'disabled');
  const error = await refused(BadRequestError, sso.update(made.id, { ...caller.here, enabled: true }));
  assert.ok(there(error.message).length > 10);
  assert.equal((await sso.get(made.id, caller.here)).enabled, false);
  assert.equal((await sso.update(made.id, { ...caller.here, use_fedramp_language: true })).use_fedramp_language, true);
  assert.equal((await sso.update(made.id, caller.here)).use_fedramp_language, true);
});

test('connectors are listed and deleted', async (caller) => {
  const { here } = caller;
  const { sso } = caller.iam;
  const made = await create(caller, 'deleted', { use_fedramp_language: true });
  const ids = async () => (await all(sso.list(here))).map((connector) => connector.id);
  assert.ok((await ids()).includes(made.id));
  assert.equal((await sso.delete(made.id, here))?.id, made.id);
  assert.ok(!(await ids()).includes(made.id));
  await refused(NotFoundError, sso.get(made.id, here), 1002);
  await refused(NotFoundError, sso.delete(made.id, here), 1002);
  await refused(NotFoundError, sso.beginVerification(UNKNOWN, here), 1002);
});

test('a domain has one connector and is a domain', async (caller) => {
  await create(caller, 'taken');
  await refused(BadRequestError, create(caller, 'taken'), 1003, '/email_domain');
  for (const email_domain of ['', 'co.uk', 'gmail.com', 'not a domain', 'someone@example.com']) {
    await refused(BadRequestError, caller.iam.sso.create({ ...caller.here, email_domain }), undefined, '/email_domain');
  }
});
