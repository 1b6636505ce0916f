// A real OpenID provider on a free loopback port, with an end user who needs no browser.
//
// Its first line on stdout is JSON: `{"issuer": ...}` and the keys of the clients that have keys. It ends when its stdin
// ends, so it cannot outlive `cargo xtask e2e`.
// Rotation and reuse detection are the library's own: a second use of a refresh token revokes its whole grant.
//
// The clients are those of clients.mjs. An authorization request with `login_hint=refuse` meets an end user who says no.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import Provider, { errors } from 'oidc-provider';

import { Cookies, visit } from './browser.mjs';
import { clients, credentials } from './clients.mjs';

const SUBJECT = process.env.E2E_SUBJECT ?? 'end-user-1';
const BRIEF_SECONDS = 12;
const ORDINARY_SECONDS = 300;
const RESOURCES = ['https://one.example/', 'https://two.example/', 'https://three.example/'];
const BROWSER = new Cookies();

const mutualTls = {
  enabled: true,
  certificateBoundAccessTokens: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: ({ socket }) => socket.getPeerX509Certificate?.(),
  certificateAuthorized: ({ socket }) => socket.authorized,
  certificateSubjectMatches: ({ socket }, property, expected) =>
    property === 'tls_client_auth_subject_dn' && socket.getPeerX509Certificate().subject === expected,
};

const resourceIndicators = {
  enabled: true,
  getResourceServerInfo: (_ctx, resource) => {
    if (!RESOURCES.includes(resource)) throw new errors.InvalidTarget();
    return { scope: 'read write', audience: resource, accessTokenTTL: ORDINARY_SECONDS, accessTokenFormat: 'jwt' };
  },
};

function configuration(held, tlsOrigin) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'e2e' };
  return {
    clients: clients(held),
    clientAuthMethods: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ],
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      mTLS: mutualTls,
      pushedAuthorizationRequests: { enabled: true },
      resourceIndicators,
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    discovery: {
      mtls_endpoint_aliases: Object.fromEntries(
        Object.entries({
          token: '/token',
          revocation: '/token/revocation',
          userinfo: '/me',
          pushed_authorization_request: '/request',
        }).map(([name, path]) => [`${name}_endpoint`, tlsOrigin + path]),
      ),
    },
    pkce: { required: () => true, methods: ['S256'] },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: (_ctx, _token, { clientId }) => (clientId === 'brief-app' ? BRIEF_SECONDS : ORDINARY_SECONDS),
      Grant: 3600,
      IdToken: ORDINARY_SECONDS,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  };
}

// What happened so far, for the checks to compare with what the client says happened.
class Ledger {
  counts = { refresh_grants: 0, refresh_refused: 0, grants_revoked: 0, dpop_challenges: 0 };

  secrets = new Set();

  grants = new Set();

  sessions = new Map();

  refreshTokens = new Set();

  // For whom, and the token.
  logoutTokens = [];

  // How often each refresh token was presented. A request that is refused unread, for want of a nonce, presents nothing.
  presented = new Map();

  constructor(provider) {
    provider.on('grant.success', (ctx) => {
      const { access_token: access, refresh_token: refresh, id_token: id } = ctx.body;
      [access, refresh, id].filter(Boolean).forEach((secret) => this.secrets.add(secret));
      this.counts.refresh_grants += Number(this.present(ctx));
    });
    provider.on('grant.error', (ctx, error) => {
      if (error.error === 'use_dpop_nonce') this.counts.dpop_challenges += 1;
      else this.counts.refresh_refused += Number(this.present(ctx));
    });
    provider.on('session.saved', (session) => this.sessions.set(session.uid, session));
    provider.on('grant.revoked', () => {
      this.counts.grants_revoked += 1;
    });
    // Nothing is emitted with a logout token in it.
    const { IdToken } = provider;
    const { issue } = IdToken.prototype;
    const { logoutTokens } = this;
    IdToken.prototype.issue = async function issueAndRemember(options) {
      const token = await issue.call(this, options);
      if (options.use === 'logout') logoutTokens.push({ client: this.client.clientId, token });
      return token;
    };
    provider.on('authorization_code.saved', (code) => this.secrets.add(code.jti));
    provider.on('refresh_token.saved', (token) => {
      this.refreshTokens.add(token.jti);
      this.grants.add(token.grantId);
    });
  }

  // Whether this was a refresh request.
  present({ oidc: { params } }) {
    const { grant_type: type, refresh_token: token } = params ?? {};
    if (type !== 'refresh_token') return false;
    this.presented.set(token, (this.presented.get(token) ?? 0) + 1);
    return true;
  }

  presentations() {
    const counts = [...this.presented.values()];
    return { refresh_tokens_presented: counts.length, presented_again: counts.filter((count) => count > 1).length };
  }
}

// The end user: signs in and consents to everything, or refuses.
async function interact(provider, ctx) {
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (params.login_hint === 'refuse') {
    const refusal = { error: 'access_denied', error_description: 'the end user said no' };
    return provider.interactionFinished(ctx.req, ctx.res, refusal);
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: SUBJECT } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  [params.resource ?? []].flat().forEach((resource) => grant.addResourceScope(resource, params.scope));
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(ctx.req, ctx.res, { consent }, { mergeWithLastSubmission: true });
}

// What the end user does on pages that ask: confirms the device or the logout, or refuses once.
function decide(refuses) {
  let refused = false;
  return ({ action, fields }) => {
    if (refused) return undefined;
    refused = refuses;
    return { action, fields: { ...fields, ...(refuses ? { abort: 'yes' } : { confirm: 'yes', logout: 'yes' }) } };
  };
}

// Where a logout sends the end user to: registered without a port, so that there is no server.
function nobodyListens(url) {
  return new URL(url).port === '';
}

// Ends every session, and tells every client that wants to know (OIDC Back-Channel Logout 1.0).
async function endSessions(provider, ledger) {
  const told = [];
  for (const session of ledger.sessions.values()) {
    for (const [clientId, { sid }] of Object.entries(session.authorizations ?? {})) {
      const client = await provider.Client.find(clientId);
      if (client.backchannelLogoutUri) {
        await client.backchannelLogout(session.accountId, sid);
        told.push(clientId);
      }
    }
    await session.destroy();
  }
  ledger.sessions.clear();
  return told;
}

// What an administrator could do, and what only a test may: `/_admin/...`.
async function administrate(provider, ledger, ctx) {
  switch (ctx.path) {
    case '/_admin/counters': {
      const tokens = await Promise.all([...ledger.refreshTokens].map((token) => provider.RefreshToken.find(token)));
      ctx.body = {
        ...ledger.counts,
        ...ledger.presentations(),
        live_refresh_tokens: tokens.filter((token) => token && !token.consumed).length,
      };
      break;
    }
    case '/_admin/secrets':
      ctx.body = { issued: [...ledger.secrets], refresh_tokens: [...ledger.refreshTokens] };
      break;
    case '/_admin/revoke-all':
      for (const id of ledger.grants) {
        await provider.RefreshToken.revokeByGrantId(id);
        await provider.AccessToken.revokeByGrantId(id);
        await (await provider.Grant.find(id))?.destroy();
      }
      ctx.body = { revoked: ledger.grants.size };
      break;
    // The end user opens a page in the browser that keeps its session: a sign-in, a device's page, a logout.
    case '/_admin/visit': {
      const { url, refuse } = ctx.query;
      const ended = await visit(url, {
        cookies: BROWSER,
        complete: decide(refuse !== undefined),
        leaves: nobodyListens,
      });
      ctx.body = { url: ended.url, status: ended.status };
      break;
    }
    case '/_admin/cookies':
      ctx.body = { cookies: BROWSER.header(new URL(ctx.query.url)) };
      break;
    case '/_admin/logout-uri':
      (await provider.Client.find(ctx.query.client ?? 'logout-app')).backchannelLogoutUri = ctx.query.uri;
      ctx.body = {};
      break;
    case '/_admin/logout-tokens': {
      const of = ledger.logoutTokens.filter(({ client }) => client === ctx.query.client);
      ctx.body = { tokens: of.map(({ token }) => token) };
      break;
    }
    case '/_admin/end-sessions':
      ctx.body = { told: await endSessions(provider, ledger) };
      break;
    default:
      ctx.status = 404;
  }
}

// Listens on a free loopback port and answers its origin.
async function listen(server, scheme) {
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return `${scheme}://127.0.0.1:${server.address().port}`;
}

const held = credentials();
const plain = createServer();
const tls = createTlsServer({
  cert: held.server.certificate,
  key: held.server.key,
  ca: held.authority.certificate,
  requestCert: true,
  rejectUnauthorized: false, // Not before the provider knows whose certificate it should be.
});
const [issuer, tlsOrigin] = [await listen(plain, 'http'), await listen(tls, 'https')];

const provider = new Provider(issuer, configuration(held, tlsOrigin));
const ledger = new Ledger(provider);
provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/interaction/')) return interact(provider, ctx);
  if (ctx.path.startsWith('/_admin/')) return administrate(provider, ledger, ctx);
  // The same document under another URL: an issuer that is not what its document says.
  if (ctx.path === '/elsewhere/.well-known/openid-configuration') ctx.path = '/.well-known/openid-configuration';
  return next();
});
[plain, tls].forEach((server) => server.on('request', provider.callback()));

const certified = ({ certificate, key }) => ({ certificate, key });
console.log(
  JSON.stringify({
    issuer,
    private_key: { kid: held.private_key.jwk.kid, pem: held.private_key.pem },
    secret_jwt: held.secret,
    tls_authority: held.authority.certificate,
    tls: certified(held.tls),
    self_signed: certified(held.self_signed),
  }),
);

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
