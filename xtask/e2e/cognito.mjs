// An emulator of an AWS Cognito user pool (npm cognito-local) on a free loopback port.
//
// Its first line on stdout is JSON: `{"issuer": ...}` and what else a client needs. It ends when its stdin ends.
// It has the authorize and token endpoints of a pool's domain and the JSON API; no revoke, logout or userinfo endpoint.
// No secret is looked at. docs/checked-against.md has the rest.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { REDIRECT_URI, folderOfThisRun, freePort, stand } from './front.mjs';

const USER = { Username: 'end-user-1@example.com', Password: 'End-user-passw0rd' };
const SILENT = { level: 'silent', child: () => SILENT, isLevelEnabled: () => false };
['trace', 'debug', 'info', 'warn', 'error', 'fatal'].forEach((level) => {
  SILENT[level] = () => {};
});

async function api(upstream, target, body) {
  const response = await fetch(upstream, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `AWSCognitoIdentityProviderService.${target}`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
  return response.json();
}

// A pool with one client and one user, in a folder of its own; tokens are issued by `url`.
async function pool(url, port) {
  const folder = folderOfThisRun();
  mkdirSync(join(folder, '.cognito'));
  const config = { TokenConfig: { IssuerDomain: url }, ServerConfig: { port, hostname: '127.0.0.1' } };
  writeFileSync(join(folder, '.cognito', 'config.json'), JSON.stringify(config));
  process.chdir(folder);
  const { default: cognito } = await import('cognito-local');
  await (await cognito.createDefaultServer(SILENT)).start();

  const upstream = `http://127.0.0.1:${port}`;
  const { UserPool } = await api(upstream, 'CreateUserPool', { PoolName: 'e2e', UsernameAttributes: ['email'] });
  const UserPoolId = UserPool.Id;
  const { UserPoolClient } = await api(upstream, 'CreateUserPoolClient', {
    UserPoolId,
    ClientName: 'native-app',
    CallbackURLs: [REDIRECT_URI],
    ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
    AccessTokenValidity: 5,
    TokenValidityUnits: { AccessToken: 'minutes' },
  });
  await api(upstream, 'AdminCreateUser', {
    UserPoolId,
    Username: USER.Username,
    MessageAction: 'SUPPRESS',
    UserAttributes: [{ Name: 'email', Value: USER.Username }],
  });
  await api(upstream, 'AdminSetUserPassword', { UserPoolId, ...USER, Permanent: true });
  return { upstream, pool: UserPoolId, clientId: UserPoolClient.ClientId };
}

let issuer;

await stand({
  authorize: /^\/oauth2\/authorize$/,
  token: /^\/oauth2\/token$/,
  complete: ({ action, fields }) => ({
    action,
    fields: { ...fields, username: USER.Username, password: USER.Password },
  }),
  // The emulator's document names a fixed port and no endpoints. This one says what Cognito's says of what is there.
  discovery: () => ({
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    authorization_endpoint: new URL('/oauth2/authorize', issuer).href,
    token_endpoint: new URL('/oauth2/token', issuer).href,
    response_types_supported: ['code', 'token'],
    scopes_supported: ['openid', 'email', 'phone', 'profile'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  }),
  start: async (url) => {
    const { upstream, pool: id, clientId } = await pool(url, await freePort());
    issuer = `${url}/${id}`;
    return { upstream, announce: { issuer, domain: url, user_pool: id, client_id: clientId } };
  },
});
