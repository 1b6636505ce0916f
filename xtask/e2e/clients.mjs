// The clients of provider.mjs, and what they prove themselves with.
//
// | client           | authentication              | what is special                                                 |
// |------------------|-----------------------------|-----------------------------------------------------------------|
// | native-app       | none (PKCE)                 |                                                                 |
// | brief-app        | none (PKCE)                 | access tokens live 12 seconds, all others' 5 minutes            |
// | web-app          | client_secret_basic         |                                                                 |
// | private-key-app  | private_key_jwt (ES256)     |                                                                 |
// | secret-jwt-app   | client_secret_jwt (HS256)   |                                                                 |
// | tls-app          | tls_client_auth             | at the endpoints of `mtls_endpoint_aliases`                     |
// | self-signed-app  | self_signed_tls_client_auth | the same; its access tokens are bound to the certificate        |
// | dpop-app         | none (PKCE)                 | DPoP, and a nonce is required of every proof                    |
// | par-app          | none (PKCE)                 | must push its authorization requests                            |
// | device-app       | none                        | the device flow only                                            |
// | resources-app    | none (PKCE)                 | `resource` may be https://{one,two,three}.example/              |
// | logout-app       | client_secret_basic         | is told of logouts, at the URI given to `/_admin/logout-uri`    |
// | web-site         | client_secret_basic         | the same, and its redirect URI is /auth/callback                |

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { certify } from './certificates.mjs';

const WEB_APP_SECRET = process.env.E2E_WEB_APP_SECRET ?? randomBytes(32).toString('hex');
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

// Whatever a client must hold to prove who it is.
export function credentials() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = certify('e2e authority', { authority: true });
  return {
    private_key: {
      pem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'private-key-app', alg: 'ES256' },
    },
    secret: randomBytes(32).toString('hex'),
    authority,
    server: certify('127.0.0.1', { issuer: authority, address: '127.0.0.1' }),
    tls: certify('tls-app', { issuer: authority }),
    self_signed: certify('self-signed-app'),
  };
}

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

export function clients({ private_key: key, secret, tls, self_signed: selfSigned }) {
  const basic = { client_secret: WEB_APP_SECRET, token_endpoint_auth_method: 'client_secret_basic' };
  return [
    client('native-app'),
    client('brief-app'),
    client('web-app', basic),
    client('private-key-app', {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [key.jwk] },
    }),
    client('secret-jwt-app', { token_endpoint_auth_method: 'client_secret_jwt', client_secret: secret }),
    client('tls-app', {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: `CN=${tls.common}`,
    }),
    client('self-signed-app', {
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: true,
      jwks: { keys: [selfSigned.jwk] },
    }),
    client('dpop-app', { dpop_bound_access_tokens: true }),
    client('par-app', { require_pushed_authorization_requests: true }),
    client('device-app', { grant_types: [DEVICE_CODE, 'refresh_token'], response_types: [], redirect_uris: [] }),
    client('resources-app'),
    client('logout-app', {
      ...basic,
      backchannel_logout_uri: 'http://127.0.0.1/not-yet-known',
      backchannel_logout_session_required: true,
      post_logout_redirect_uris: ['http://127.0.0.1/signed-out'],
    }),
    client('web-site', {
      ...basic,
      redirect_uris: ['http://127.0.0.1/auth/callback'],
      backchannel_logout_uri: 'http://127.0.0.1/not-yet-known',
      backchannel_logout_session_required: true,
    }),
  ];
}
