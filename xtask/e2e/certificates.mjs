// X.509 certificates (RFC 5280), made when they are needed: node reads them but does not write them.
// Their keys are of the curve P-256.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const DAY_MS = 86_400_000;

function der(tag, ...parts) {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts) => der(0x30, ...parts);
const set = (...parts) => der(0x31, ...parts);
const octets = (...parts) => der(0x04, ...parts);
const bits = (bytes) => der(0x03, Buffer.from([0]), bytes);
const utf8 = (value) => der(0x0c, Buffer.from(value));
const TRUE = der(0x01, Buffer.from([0xff]));

// Object identifiers, by their encoded bytes.
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const SUBJECT_ALT_NAME = oid('551d11');
const BASIC_CONSTRAINTS = oid('551d13');

const name = (common) => sequence(set(sequence(COMMON_NAME, utf8(common))));
const time = (at) => der(0x17, Buffer.from(`${at.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));

function pem(label, bytes) {
  return `-----BEGIN ${label}-----\n${bytes.toString('base64').replaceAll(/(.{64})(?!$)/g, '$1\n')}\n-----END ${label}-----\n`;
}

function extensions({ authority, address }) {
  const list = [];
  if (authority) list.push(sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE))));
  if (address)
    list.push(sequence(SUBJECT_ALT_NAME, octets(sequence(der(0x87, Buffer.from(address.split('.').map(Number)))))));
  return list.length > 0 ? [der(0xa3, sequence(...list))] : [];
}

// A certificate for `common`, by `issuer` or self-signed: `{ common, certificate, key }` in PEM, and its key as a JWK.
export function certify(common, { issuer, ...purpose } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name(issuer?.common ?? common),
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + DAY_MS))),
    name(common),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...extensions(purpose),
  );
  const certificate = sequence(
    toBeSigned,
    ECDSA_WITH_SHA256,
    bits(sign('sha256', toBeSigned, issuer?.key ?? privateKey)),
  );
  return {
    common,
    certificate: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), x5c: [certificate.toString('base64')] },
  };
}
