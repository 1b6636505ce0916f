// A simulator of Auth0 (npm @simulacrum/auth0-simulator) on a free loopback port.
//
// Its first line on stdout is JSON: `{"issuer": ...}` and what else a client needs. It ends when its stdin ends.
// It knows no clients: any client id is taken, and no secret is looked at. docs/checked-against.md has the rest.

import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { certify } from './certificates.mjs';
import { folderOfThisRun, freePort, stand } from './front.mjs';

const USER = {
  id: 'auth0|end-user-1',
  name: 'End User',
  email: 'end-user-1@example.com',
  password: 'end-user-password',
};
const AUDIENCE = 'https://api.example/';
const CLIENT_ID = 'native-app';

// It speaks https alone, with a certificate in a folder of the home directory, and announces the scheme and host it was
// called by. Between it and the front that certificate is of no consequence; what it announces is the front.
async function simulator(url) {
  const home = folderOfThisRun();
  const folder = join(home, '.simulacrum', 'certs');
  const { certificate, key } = certify('127.0.0.1', { address: '127.0.0.1' });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'localhost.pem'), certificate);
  writeFileSync(join(folder, 'localhost-key.pem'), key);
  process.env.HOME = home;
  // As a module it cannot sign: its import of jsonwebtoken finds no functions there.
  const { simulation } = createRequire(import.meta.url)('@simulacrum/auth0-simulator');
  return simulation({
    initialState: { users: [USER] },
    options: { audience: AUDIENCE, clientID: CLIENT_ID, scope: 'openid profile email offline_access' },
    extend: {
      extendRouter: (router) =>
        router.use((request, _response, next) => {
          Object.defineProperty(request, 'protocol', { value: 'http' });
          request.headers.host = new URL(url).host;
          next();
        }),
    },
  });
}

// Its page signs in by script, as auth0.js does: with the password, and with what the page was asked for.
function complete(form, page) {
  if (page.pathname !== '/login') return form;
  const asked = Object.fromEntries(page.searchParams);
  const { email: username, password } = USER;
  return { action: '/usernamepassword/login', fields: { ...asked, client_id: asked.client, username, password } };
}

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');

await stand({
  authorize: /^\/authorize$/,
  token: /^\/oauth\/token$/,
  complete,
  start: async (url) => {
    const port = await freePort();
    await (await simulator(url)).listen(port);
    return {
      upstream: `https://127.0.0.1:${port}`,
      announce: {
        issuer: `${url}/`,
        client_id: CLIENT_ID,
        audience: AUDIENCE,
        subject: USER.id,
        logout: `${url}/v2/logout`,
      },
    };
  },
});
