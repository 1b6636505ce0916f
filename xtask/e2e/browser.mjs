// The end user's browser: follows redirects, keeps cookies, and submits the forms it meets.

const MOST_STEPS = 20;

const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'" };

function text(html) {
  return html.replaceAll(/&(?:amp|lt|gt|quot|#39|#x27);/g, (entity) => ENTITIES[entity]);
}

function attribute(tag, name) {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag);
  return found ? text(found[1] ?? found[2]) : undefined;
}

// The first form of a page: where it goes, and every field with the value it has.
function firstForm(html) {
  const form = /<form\b[^>]*>([\s\S]*?)<\/form>/i.exec(html);
  if (!form) return undefined;
  const fields = [...form[1].matchAll(/<input\b[^>]*>/gi)].map(([tag]) => [
    attribute(tag, 'name'),
    attribute(tag, 'value') ?? '',
  ]);
  return { action: attribute(form[0], 'action'), fields: Object.fromEntries(fields.filter(([name]) => name)) };
}

// Cookies by origin. Paths and lifetimes do not matter here.
export class Cookies {
  jar = new Map();

  keep({ origin }, response) {
    const kept = this.jar.get(origin) ?? new Map();
    response.headers.getSetCookie().forEach((header) => {
      const [name, ...value] = header.split(';')[0].split('=');
      kept.set(name.trim(), value.join('='));
    });
    this.jar.set(origin, kept);
  }

  header({ origin }) {
    const kept = [...(this.jar.get(origin) ?? [])];
    return kept
      .filter(([, value]) => value)
      .map((pair) => pair.join('='))
      .join('; ');
  }
}

// Opens `url` and goes on until a redirect leaves for a URL that `leaves` accepts, or a page has no form.
// `complete(form, page)` fills in a form `{ action, fields }` before it is submitted, or answers nothing to stop there.
// Answers `{ url, status, body }`; `url` is where it ended, or would go next.
export async function visit(url, { leaves = () => false, complete = (form) => form, cookies = new Cookies() } = {}) {
  let [target, fields] = [new URL(url), undefined];
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const response = await fetch(target, {
      method: fields ? 'POST' : 'GET',
      body: fields && new URLSearchParams(fields),
      headers: { accept: 'text/html', cookie: cookies.header(target) },
      redirect: 'manual',
    });
    cookies.keep(target, response);
    const [location, body] = [response.headers.get('location'), await response.text()];
    const met = location || response.status >= 400 ? undefined : firstForm(body);
    const form = met && complete(met, target);
    if (!location && !form) return { url: target.href, status: response.status, body };
    target = new URL(location ?? form.action ?? target, target);
    fields = form?.fields;
    if (location && leaves(target.href)) return { url: target.href, status: response.status, body };
  }
  throw new Error(`more than ${MOST_STEPS} steps`);
}
