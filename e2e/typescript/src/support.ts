// What the tests share: the clients, small helpers and the runner.

import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';

export const UNKNOWN = '0'.repeat(32);
export const ID = /^[0-9a-f]{32}$/;
const SUITE = variable('E2E_SUITE');

export type Scheme = 'token' | 'key';

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** One account, one authentication scheme. */
export class Caller {
  readonly account: string;
  readonly email: string;
  readonly client: Cloudflare;
  readonly iam: Cloudflare['iam'];
  /** `account_id`, which nearly every call takes. */
  readonly here: { account_id: string };

  constructor(
    readonly scheme: Scheme,
    prefix = 'E2E',
    private readonly url = 'E2E_URL',
  ) {
    this.account = variable(`${prefix}_ACCOUNT_ID`);
    this.email = variable(`${prefix}_EMAIL`);
    this.here = { account_id: this.account };
    this.client = this.withCredentials(variable(`${prefix}_API_TOKEN`), this.email, variable(`${prefix}_API_KEY`));
    this.iam = this.client.iam;
  }

  /** A client with the token, or with the e-mail and the key: the scheme decides. */
  withCredentials(token: string, email: string, key: string): Cloudflare {
    const credentials =
      this.scheme === 'token' ? { apiToken: token, apiEmail: null, apiKey: null } : { apiToken: null, apiEmail: email, apiKey: key };
    return new Cloudflare({ baseURL: variable(this.url), ...credentials });
  }

  /** The same scheme on the `dev` server. */
  dev(): Caller {
    return new Caller(this.scheme, 'E2E_DEV', 'E2E_DEV_URL');
  }

  /** Unique in the account: every test runs once with each scheme. */
  name(text: string): string {
    return `${text} ${this.scheme}`;
  }

  email_of(local: string): string {
    return `${local}.${this.scheme}@members.example.com`;
  }

  /** The id of the IAM permission group with this label. */
  async label(label: string): Promise<string> {
    return one(await all(this.iam.permissionGroups.list({ ...this.here, label }))).id;
  }

  /** The id of the built-in resource group of the account (and all in it), or of one zone. */
  async builtin(zone?: string): Promise<string> {
    const name = `com.cloudflare.api.account.${zone === undefined ? this.account : `zone.${zone}`}`;
    return one(await all(this.iam.resourceGroups.list({ ...this.here, name }))).id;
  }

  async policy(label: string, access: 'allow' | 'deny' = 'allow', place?: string) {
    return {
      access,
      permission_groups: [{ id: await this.label(label) }],
      resource_groups: [{ id: place ?? (await this.builtin()) }],
    };
  }

  zone(name: string) {
    return this.client.zones.create({ account: { id: this.account }, name: `${name}-${this.scheme}-${SUITE}.example.com` });
  }

  /** The scope of these zones, or of the whole account. */
  scope(...zones: string[]) {
    const objects = zones.map((zone) => ({ key: `com.cloudflare.api.account.zone.${zone}` }));
    return { key: `com.cloudflare.api.account.${this.account}`, objects: objects.length ? objects : [{ key: '*' }] };
  }

  userGroup(name: string, policies?: Cloudflare.IAM.UserGroupCreateParams['policies']) {
    return this.iam.userGroups.create({ ...this.here, name: this.name(name), ...(policies && { policies }) });
  }

  member(local: string) {
    return this.client.accounts.members.create({ ...this.here, email: this.email_of(local), roles: [] });
  }
}

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The pages that auto-pagination walks through. */
export async function pagesOf<Item>(
  list: PromiseLike<{ iterPages(): AsyncGenerator<{ getPaginatedItems(): Item[] }> }>,
): Promise<Item[][]> {
  return (await all((await list).iterPages())).map((page) => page.getPaginatedItems());
}

export function one<Item>(items: Item[]): Item {
  assert.equal(items.length, 1);
  return items[0] as Item;
}

/** What the types allow to be absent, and the test needs to be there. */
export function there<Value>(value: Value | null | undefined): Value {
  assert.ok(value !== undefined && value !== null);
  return value;
}

type Failure = new (...values: never[]) => InstanceType<typeof Cloudflare.APIError>;

/** The call fails with this class of the SDK, this code and this pointer. */
export async function refused(kind: Failure, call: PromiseLike<unknown>, code?: number, pointer?: string) {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    const first = there(error.errors[0]);
    if (code !== undefined) assert.equal(first.code, code);
    if (pointer !== undefined) assert.equal(first.source?.pointer, pointer);
    assert.ok(first.message);
    return first;
  }
  throw new assert.AssertionError({ message: `was not refused with ${kind.name}` });
}

/** Whether the question is answered with yes within this time. */
export async function soon(question: () => Promise<boolean>, seconds = 15): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await question())) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return true;
}

/** Speaks to the proxy; see harness/proxy.py. */
export async function control<Answer>(command: string, body?: unknown): Promise<Answer> {
  const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return (await (await fetch(`${variable('E2E_CONTROL')}/${command}`, request)).json()) as Answer;
}

export interface Passed {
  status: number | null;
  retry: string;
  scheme: Scheme;
  faulted: boolean;
  answer: { result: unknown };
}

/** The requests that pass while this runs. */
export async function recorded(run: () => Promise<unknown>): Promise<Passed[]> {
  const before = (await control<Passed[]>('requests')).length;
  await run();
  return control<Passed[]>(`requests?after=${before}`);
}

const tests: { name: string; run: (caller: Caller) => Promise<unknown> }[] = [];

export function test(name: string, run: (caller: Caller) => Promise<unknown>): void {
  tests.push({ name, run });
}

/** Every test with a token, and every test again with e-mail and key. */
export async function runAll(): Promise<void> {
  for (const scheme of ['token', 'key'] as const) {
    const caller = new Caller(scheme);
    for (const { name, run } of tests) {
      try {
        await run(caller);
        console.log(`pass  ${SUITE}, ${scheme}: ${name}`);
      } catch (error) {
        console.log(`FAIL  ${SUITE}, ${scheme}: ${name}: ${describe(error)}`);
      }
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const where = error.stack?.split('\n').find((line) => /\.work\/typescript\/(?!support)/.test(line));
  return `${error.message}${where ?? ''}`.replaceAll(/\s+/g, ' ').slice(0, 700);
}
