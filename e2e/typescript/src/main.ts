// The suite of the TypeScript SDK. It is compiled against the SDK's types, so each use of a result checks its type.

import { runAll } from './support.js';
import './permission-groups.js';
import './roles.js';
import './resource-groups.js';
import './user-groups.js';
import './user-group-members.js';
import './account-members.js';
import './accounts.js';
import './audit-logs.js';
import './tokens.js';
import './sso.js';
import './errors.js';
import './retries.js';

await runAll();
