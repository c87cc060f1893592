// The SDK asks again when an answer is lost, late or broken; nothing may happen twice for that.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';
import { type Caller, all, control, recorded, refused, test } from './support.js';

const { BadRequestError, InternalServerError, RateLimitError } = Cloudflare;

interface Fault {
  method: string;
  forward?: boolean;
  status?: number;
  times?: number;
  headers?: Record<string, string>;
}

const fault = (what: Fault) => control('fault', { path: '/iam/user_groups', ...what });

/** A create whose first answer never arrives. */
async function lostAnswer(caller: Caller, name: string, how: { status?: number }) {
  await fault({ method: 'POST', forward: true, ...how });
  const passed = await recorded(() => caller.userGroup(name));
  assert.deepEqual(passed.map((request) => request.faulted), [true, false]);
  assert.deepEqual(passed.map((request) => request.retry), ['0', '1']);
  assert.deepEqual(passed[1]?.answer.result, passed[0]?.answer.result);
  assert.equal((await all(caller.iam.userGroups.list({ ...caller.here, name: caller.name(name) }))).length, 1);
}

test('a create whose answer was cut off happens once', (caller) => lostAnswer(caller, 'Cut off', {}));

test('a create whose answer turned into a 500 happens once', (caller) => lostAnswer(caller, 'Broken', { status: 500 }));

test('the same create without a retry is a second one', async (caller) => {
  await caller.userGroup('Not a retry');
  await refused(BadRequestError, caller.userGroup('Not a retry'), 1003);
});

test('a request that is told to wait waits', async ({ iam, here }) => {
  await fault({ method: 'GET', status: 429, headers: { 'retry-after': '1' } });
  const started = Date.now();
  await iam.userGroups.list(here);
  assert.ok(Date.now() - started >= 1000);
});

test('after three tries the failure is told', async ({ iam, here }) => {
  for (const [status, kind] of [[500, InternalServerError], [429, RateLimitError]] as const) {
    await fault({ method: 'GET', status, times: 3, headers: { 'retry-after-ms': '10' } });
    const passed = await recorded(() => refused(kind, iam.userGroups.list(here)));
    assert.deepEqual(passed.map((request) => request.retry), ['0', '1', '2']);
  }
});
