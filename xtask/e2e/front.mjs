// What stands before an emulator: an end user who needs no browser, and a ledger of what happened.
//
// Everything else goes through as it is. An emulator knows one redirect URI per client, a loopback client has any port
// (RFC 8252 section 7.3): so the client's redirect URI is exchanged for the registered one, there and back.
//
// What a test may do besides is as with provider.mjs: `/_admin/counters`, `/_admin/secrets`, `/_admin/visit`.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { visit } from './browser.mjs';

// The redirect URI to register at every emulator.
export const REDIRECT_URI = 'http://127.0.0.1/callback';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'host',
  'expect',
];

class Ledger {
  counts = { refresh_grants: 0, refresh_refused: 0, code_grants: 0, revocations: 0 };

  secrets = new Set();

  refreshTokens = new Set();

  token(form, status, body) {
    const refresh = form.get('grant_type') === 'refresh_token';
    if (status === 200) this.counts[refresh ? 'refresh_grants' : 'code_grants'] += 1;
    else if (refresh) this.counts.refresh_refused += 1;
    let tokens = {};
    try {
      tokens = JSON.parse(body);
    } catch {
      return; // Not every refusal is JSON.
    }
    [form.get('code'), tokens.access_token, tokens.refresh_token, tokens.id_token]
      .filter(Boolean)
      .forEach((secret) => this.secrets.add(secret));
    if (tokens.refresh_token) this.refreshTokens.add(tokens.refresh_token);
  }
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function passedOn(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name.toLowerCase())));
}

// A loopback port that was free a moment ago, for emulators that do not tell which one they took.
export async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

// A folder for what an emulator must have on disk. It lies beside the installed packages and goes when the emulator ends.
export function folderOfThisRun() {
  const folder = mkdtempSync(join(process.cwd(), 'run-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// One emulator behind one front.
class Front {
  ledger = new Ledger();

  constructor(settings) {
    Object.assign(this, settings);
  }

  async answer(request) {
    const url = new URL(request.url, this.url);
    const body = await read(request);
    if (url.pathname.startsWith('/_admin/')) return this.administrate(url);
    if (this.discovery && url.pathname.endsWith('/.well-known/openid-configuration'))
      return { status: 200, json: this.discovery() };
    if (request.method === 'GET' && this.authorize.test(url.pathname)) return this.signIn(url);
    if (request.method === 'POST' && this.token.test(url.pathname)) return this.exchange(request, url, body);
    this.ledger.counts.revocations += Number(request.method === 'POST' && url.pathname.endsWith('/revoke'));
    return this.pass(request, url, body);
  }

  async administrate(url) {
    if (url.pathname === '/_admin/counters') return { status: 200, json: this.ledger.counts };
    if (url.pathname === '/_admin/visit') {
      const { status, headers } = await this.signIn(new URL(url.searchParams.get('url')));
      return { status: 200, json: { url: headers.location, status } };
    }
    if (url.pathname !== '/_admin/secrets') return { status: 404, body: '' };
    return { status: 200, json: { issued: [...this.ledger.secrets], refresh_tokens: [...this.ledger.refreshTokens] } };
  }

  async signIn(url) {
    const wanted = url.searchParams.get('redirect_uri');
    const upstream = new URL(url.pathname + url.search, this.upstream);
    upstream.searchParams.set('redirect_uri', REDIRECT_URI);
    const page = await visit(upstream, { leaves: (to) => to.startsWith(REDIRECT_URI), complete: this.complete });
    if (!page.url.startsWith(REDIRECT_URI))
      return { status: page.status, body: page.body, headers: { 'content-type': 'text/html' } };
    const back = new URL(page.url);
    const code = back.searchParams.get('code');
    if (code) this.ledger.secrets.add(code);
    return {
      status: 302,
      body: '',
      headers: { location: `${wanted}${wanted.includes('?') ? `&${back.search.slice(1)}` : back.search}` },
    };
  }

  async exchange(request, url, body) {
    const form = new URLSearchParams(body.toString());
    if (form.has('redirect_uri')) form.set('redirect_uri', REDIRECT_URI);
    const answer = await this.pass(request, url, Buffer.from(form.toString()));
    this.ledger.token(form, answer.status, answer.body);
    return answer;
  }

  async pass(request, url, body) {
    const response = await fetch(new URL(url.pathname + url.search, this.upstream), {
      method: request.method,
      headers: passedOn(request.headers),
      body: body.length > 0 ? body : undefined,
      redirect: 'manual',
    });
    return {
      status: response.status,
      body: await response.text(),
      headers: passedOn(Object.fromEntries(response.headers)),
    };
  }
}

// Listens on a free loopback port. `start(url)` starts the emulator, which is to call itself `url`, and answers
// `{ upstream, ... }`: its own origin, and what to announce to the checks.
export async function stand({ start, ...settings }) {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${server.address().port}`;
  const { upstream, announce } = await start(url);
  const front = new Front({ ...settings, url, upstream });
  server.on('request', (request, response) => {
    front.answer(request).then(
      ({ status, body, json, headers }) => {
        const bytes = Buffer.from(json ? JSON.stringify(json) : body);
        const type = json ? { 'content-type': 'application/json' } : headers;
        response.writeHead(status, { ...type, 'content-length': bytes.length });
        response.end(bytes);
      },
      (error) => {
        console.error(error);
        response.writeHead(502).end();
      },
    );
  });
  console.log(JSON.stringify(announce));
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}
