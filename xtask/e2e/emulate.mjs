// An emulator of Microsoft Entra ID, Okta or Google (npm emulate) on a free loopback port: `node emulate.mjs microsoft`.
//
// Its first line on stdout is JSON: `{"issuer": ...}` and what else a client needs. It ends when its stdin ends.
// What each of them does and does not do is written in docs/checked-against.md.
//
// | service   | public client | confidential client (client_secret_post or _basic) | refresh tokens  |
// |-----------|---------------|-----------------------------------------------------|-----------------|
// | microsoft | native-app    | web-app                                             | rotate          |
// | okta      | native-app    | web-app                                             | rotate          |
// | google    |               | web-app (client_secret_post only)                   | stay            |

import { createEmulator } from 'emulate';

import { REDIRECT_URI, freePort, stand } from './front.mjs';

const SECRET = process.env.E2E_WEB_APP_SECRET ?? 'web-app-secret';
const SUBJECT_EMAIL = 'end-user-1@example.com';
const TENANT = '6f89cf12-978b-4d23-ac18-9ef0c127cf87';

const web = { client_id: 'web-app', client_secret: SECRET, name: 'web-app', redirect_uris: [REDIRECT_URI] };
// The emulators of Microsoft and Google compare secrets even if there is none: an empty one stands for a public client.
const native = { client_id: 'native-app', client_secret: '', name: 'native-app', redirect_uris: [REDIRECT_URI] };
const user = { email: SUBJECT_EMAIL, name: 'End User' };

// The page has a form for every user; all but this field is the same.
function asOurUser({ action, fields }) {
  return { action, fields: { ...fields, email: SUBJECT_EMAIL } };
}

const SERVICES = {
  microsoft: {
    seed: {
      users: [{ ...user, tenant_id: TENANT }],
      oauth_clients: [web, native].map((client) => ({ ...client, tenant_id: TENANT })),
    },
    announce: (url) => ({ issuer: `${url}/${TENANT}/v2.0`, authority: url, tenant: TENANT }),
    complete: asOurUser,
  },
  okta: {
    seed: {
      authorization_servers: [{ id: 'e2e', name: 'e2e', audiences: ['api://e2e'] }],
      oauth_clients: [
        { ...web, auth_server_id: 'e2e', token_endpoint_auth_method: 'client_secret_post' },
        { ...native, auth_server_id: 'e2e', token_endpoint_auth_method: 'none' },
      ],
    },
    announce: (url) => ({ issuer: `${url}/oauth2/e2e`, org_issuer: url, server: 'e2e' }),
  },
  google: {
    seed: { users: [user], oauth_clients: [web] },
    announce: (url) => ({ issuer: url }),
    complete: asOurUser,
  },
};

const [name] = process.argv.slice(2);
const service = SERVICES[name];
if (!service) {
  console.error(`usage: node emulate.mjs ${Object.keys(SERVICES).join('|')}`);
  process.exit(2);
}

await stand({
  authorize: /\/(?:authorize|auth)$/,
  token: /\/token$/,
  complete: service.complete,
  start: async (url) => {
    const port = await freePort();
    await createEmulator({ service: name, port, baseUrl: url, seed: { [name]: service.seed } });
    return { upstream: `http://127.0.0.1:${port}`, announce: service.announce(url) };
  },
});
