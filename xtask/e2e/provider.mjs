// A real OpenID provider on a free loopback port, with an end user who needs no browser.
//
// Its first line on stdout is JSON: `{"issuer": ...}`. It ends when its stdin ends, so it cannot outlive `cargo xtask e2e`.
// Rotation and reuse detection are the library's own: a second use of a refresh token revokes its whole grant.
//
// | client       | authentication      | access tokens live |
// |--------------|---------------------|--------------------|
// | native-app   | none (PKCE)         | 5 minutes          |
// | brief-app    | none (PKCE)         | 12 seconds         |
// | web-app      | client_secret_basic | 5 minutes          |
//
// An authorization request with `login_hint=refuse` meets an end user who says no.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const SUBJECT = process.env.E2E_SUBJECT ?? 'end-user-1';
const WEB_APP_SECRET = process.env.E2E_WEB_APP_SECRET ?? randomBytes(32).toString('hex');
const BRIEF_SECONDS = 12;
const ORDINARY_SECONDS = 300;

function client(id, rest) {
  return {
    client_id: id,
    application_type: 'native', // A loopback redirect on any port (RFC 8252 section 7.3).
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...rest,
  };
}

function configuration() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'e2e' };
  return {
    clients: [
      client('native-app'),
      client('brief-app'),
      client('web-app', { client_secret: WEB_APP_SECRET, token_endpoint_auth_method: 'client_secret_basic' }),
    ],
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
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
  counts = { refresh_grants: 0, refresh_refused: 0, grants_revoked: 0 };

  secrets = new Set();

  grants = new Set();

  refreshTokens = new Set();

  constructor(provider) {
    provider.on('grant.success', (ctx) => {
      const { access_token: access, refresh_token: refresh, id_token: id } = ctx.body;
      [access, refresh, id].filter(Boolean).forEach((secret) => this.secrets.add(secret));
      this.counts.refresh_grants += Number(ctx.oidc.params.grant_type === 'refresh_token');
    });
    provider.on('grant.error', (ctx) => {
      this.counts.refresh_refused += Number(ctx.oidc.params?.grant_type === 'refresh_token');
    });
    provider.on('grant.revoked', () => {
      this.counts.grants_revoked += 1;
    });
    provider.on('authorization_code.saved', (code) => this.secrets.add(code.jti));
    provider.on('refresh_token.saved', (token) => {
      this.refreshTokens.add(token.jti);
      this.grants.add(token.grantId);
    });
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
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(ctx.req, ctx.res, { consent }, { mergeWithLastSubmission: true });
}

// What an administrator could do, and what only a test may: `/_admin/...`.
async function administrate(provider, ledger, ctx) {
  switch (ctx.path) {
    case '/_admin/counters': {
      const tokens = await Promise.all([...ledger.refreshTokens].map((token) => provider.RefreshToken.find(token)));
      ctx.body = { ...ledger.counts, live_refresh_tokens: tokens.filter((token) => token && !token.consumed).length };
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
    default:
      ctx.status = 404;
  }
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  const ledger = new Ledger(provider);

  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/interaction/')) return interact(provider, ctx);
    if (ctx.path.startsWith('/_admin/')) return administrate(provider, ledger, ctx);
    // The same document under another URL: an issuer that is not what its document says.
    if (ctx.path === '/elsewhere/.well-known/openid-configuration') ctx.path = '/.well-known/openid-configuration';
    return next();
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
