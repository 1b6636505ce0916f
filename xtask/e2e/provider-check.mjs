// That the provider behaves as docs/checked-against.md says: `E2E_ANNOUNCED` is the line that provider.mjs announced.
//
// It is a client of its own, so that a check of ours that fails against the provider is not the provider's doing.

import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { request as tlsRequest } from 'node:https';

import { certify } from './certificates.mjs';

const announced = JSON.parse(process.env.E2E_ANNOUNCED);
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'; // RFC 7636 appendix B.
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const [ONE, TWO, OTHER] = ['https://one.example/', 'https://two.example/', 'https://other.example/'];

const metadata = await (await fetch(`${announced.issuer}/.well-known/openid-configuration`)).json();
const administer = async (action) => (await fetch(`${announced.issuer}/_admin/${action}`)).json();
const visit = (url, more = '') => administer(`visit?url=${encodeURIComponent(url)}${more}`);
const payload = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

// What came to our loopback address: the end user on the way back, or the provider with a logout token.
const received = [];
const loopback = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  received.push({
    url: new URL(request.url, 'http://127.0.0.1'),
    form: new URLSearchParams(Buffer.concat(chunks).toString()),
  });
  response.end();
});
await new Promise((listening) => loopback.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${loopback.address().port}`;
const redirectUri = `${origin}/callback`;

function parameters(clientId, more = {}) {
  const fields = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid offline_access',
    prompt: 'consent',
    nonce: 'a-nonce',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  };
  return new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one])),
  );
}

async function authorize(query) {
  await visit(`${metadata.authorization_endpoint}?${query}`);
  return received.pop().url.searchParams;
}

async function grant(clientId, more) {
  const code = (await authorize(parameters(clientId, more))).get('code');
  return { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: VERIFIER };
}

const refresh = (tokens) => ({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token });

async function post(form, headers = {}, url = metadata.token_endpoint) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form), headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

function tlsPost({ certificate, key }, form) {
  const { token_endpoint: url } = metadata.mtls_endpoint_aliases;
  return new Promise((answered, failed) => {
    const options = {
      method: 'POST',
      ca: announced.tls_authority,
      cert: certificate,
      key,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
    const request = tlsRequest(url, options, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      answered({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks)) });
    });
    request.on('error', failed).end(new URLSearchParams(form).toString());
  });
}

const granted = (answer) => (assert.equal(answer.status, 200, JSON.stringify(answer.body)), answer.body);
const refused = (answer, status, error) => assert.deepEqual([answer.status, answer.body.error], [status, error]);

function jwt(header, claims, signature) {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${signature(input).toString('base64url')}`;
}

const es256 = (key) => (input) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });

function assertion(clientId, header, signature) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: announced.issuer, jti: randomUUID(), iat: now, exp: now + 60 };
  return { client_id: clientId, client_assertion_type: ASSERTION, client_assertion: jwt(header, claims, signature) };
}

const checks = {
  async 'assertions: by a key, by a secret, and each only once'() {
    const { kid, pem } = announced.private_key;
    const byKey = () => assertion('private-key-app', { alg: 'ES256', kid }, es256(pem));
    const tokens = granted(await post({ ...(await grant('private-key-app')), ...byKey() }));
    const once = byKey();
    const next = granted(await post({ ...refresh(tokens), ...once }));
    refused(await post({ ...refresh(next), ...once }), 401, 'invalid_client');
    const hs256 = (input) => createHmac('sha256', announced.secret_jwt).update(input).digest();
    granted(
      await post({ ...(await grant('secret-jwt-app')), ...assertion('secret-jwt-app', { alg: 'HS256' }, hs256) }),
    );
  },

  async 'mutual TLS: by an authority, by a registered certificate, and not without'() {
    for (const [clientId, own, other] of [
      ['tls-app', announced.tls, certify('tls-app')],
      ['self-signed-app', announced.self_signed, certify('self-signed-app')],
    ]) {
      const who = { client_id: clientId };
      const tokens = granted(await tlsPost(own, { ...(await grant(clientId)), ...who }));
      refused(await tlsPost(other, { ...refresh(tokens), ...who }), 401, 'invalid_client');
      refused(await post({ ...refresh(tokens), ...who }), 401, 'invalid_client');
      granted(await tlsPost(own, { ...refresh(tokens), ...who }));
    }
  },

  async 'DPoP: a nonce is asked for, and asking uses nothing up'() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const proof = (htm, htu, nonce, accessToken) => {
      const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
      const claims = { jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), nonce, ath };
      return {
        dpop: jwt(
          { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) },
          claims,
          es256(privateKey),
        ),
      };
    };
    let tokens;
    for (const form of [await grant('dpop-app'), () => refresh(tokens)]) {
      const fields = { ...(typeof form === 'function' ? form() : form), client_id: 'dpop-app' };
      const asked = await post(fields, proof('POST', metadata.token_endpoint));
      refused(asked, 400, 'use_dpop_nonce');
      tokens = granted(await post(fields, proof('POST', metadata.token_endpoint, asked.headers.get('dpop-nonce'))));
      assert.equal(tokens.token_type, 'DPoP');
    }
    const me = (nonce) => {
      const headers = {
        authorization: `DPoP ${tokens.access_token}`,
        ...proof('GET', metadata.userinfo_endpoint, nonce, tokens.access_token),
      };
      return fetch(metadata.userinfo_endpoint, { headers });
    };
    const asked = await me();
    assert.equal(asked.status, 401);
    assert.match(asked.headers.get('www-authenticate'), /^DPoP .*error="use_dpop_nonce"/);
    assert.equal((await me(asked.headers.get('dpop-nonce'))).status, 200);
    refused(await post({ ...(await grant('dpop-app')), client_id: 'dpop-app' }), 400, 'invalid_grant');
  },

  async 'PAR: what was not pushed is refused'() {
    assert.equal((await authorize(parameters('par-app'))).get('error'), 'invalid_request');
    const pushed = await post(parameters('par-app'), {}, metadata.pushed_authorization_request_endpoint);
    assert.deepEqual([pushed.status, pushed.body.expires_in], [201, 60]);
    const answer = await authorize(new URLSearchParams({ client_id: 'par-app', request_uri: pushed.body.request_uri }));
    assert.ok(answer.get('code'));
  },

  async 'device flow: pending, then granted or denied, then used up'() {
    for (const refuses of [false, true]) {
      const device = granted(
        await post(
          { client_id: 'device-app', scope: 'openid offline_access', prompt: 'consent' },
          {},
          metadata.device_authorization_endpoint,
        ),
      );
      assert.equal(device.interval, undefined);
      const poll = () => post({ grant_type: DEVICE_CODE, device_code: device.device_code, client_id: 'device-app' });
      refused(await poll(), 400, 'authorization_pending');
      await visit(device.verification_uri_complete, refuses ? '&refuse' : '');
      const answer = await poll();
      if (refuses) refused(answer, 400, 'access_denied');
      else assert.ok(granted(answer).refresh_token);
      refused(await poll(), 400, 'invalid_grant');
    }
  },

  async 'resources: an access token for each, one refresh token, which a refused resource uses up'() {
    const who = { client_id: 'resources-app' };
    const first = {
      ...(await grant('resources-app', { resource: [ONE, TWO], scope: 'openid offline_access read' })),
      ...who,
    };
    const one = granted(await post({ ...first, resource: ONE }));
    const two = granted(await post({ ...refresh(one), ...who, resource: TWO }));
    assert.deepEqual([payload(one.access_token).aud, payload(two.access_token).aud], [ONE, TWO]);
    assert.equal(two.scope, 'read');
    refused(await post({ ...refresh(two), ...who, resource: OTHER }), 400, 'invalid_target');
    refused(await post({ ...refresh(two), ...who, resource: ONE }), 400, 'invalid_grant');
  },

  async 'logout: the client is told, by an administrator and by the end user, and a refresh token for offline access lives on'() {
    await administer(`logout-uri?uri=${encodeURIComponent(`${origin}/logout`)}`);
    const secret = process.env.E2E_WEB_APP_SECRET;
    const who = { authorization: `Basic ${Buffer.from(`logout-app:${secret}`).toString('base64')}` };
    for (const ending of ['administrator', 'end user']) {
      const tokens = granted(await post(await grant('logout-app'), who));
      if (ending === 'administrator') assert.deepEqual((await administer('end-sessions')).told, ['logout-app']);
      else {
        const query = new URLSearchParams({
          id_token_hint: tokens.id_token,
          post_logout_redirect_uri: 'http://127.0.0.1/signed-out',
          state: 'a-state',
        });
        assert.equal(
          (await visit(`${metadata.end_session_endpoint}?${query}`)).url,
          'http://127.0.0.1/signed-out?state=a-state',
        );
      }
      const told = payload(received.pop().form.get('logout_token'));
      assert.ok(told.sid);
      assert.deepEqual([told.sid, told.aud, told.exp - told.iat], [payload(tokens.id_token).sid, 'logout-app', 120]);
      granted(await post(refresh(tokens), who));
    }
  },

  async 'revocation: also of what nobody issued'() {
    assert.equal(
      (await post({ token: 'never-issued', client_id: 'native-app' }, {}, metadata.revocation_endpoint)).status,
      200,
    );
  },
};

for (const [statement, check] of Object.entries(checks)) {
  await check().catch((error) => {
    console.error(`${statement}: ${error.message}`);
    process.exit(1);
  });
}
process.exit(0);
