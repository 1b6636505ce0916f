// One page of the application, with what a failure has to tell of it.

const LOG_LINES = 30;

/** Refusals that the scenarios provoke; the browser logs each answer that is not a success. */
const EXPECTED = /Failed to load resource: the server responded with a status of (401|503)/;

/** A page of `context`, its console and its errors kept. */
export async function openPage(context, name, logs) {
  const page = await context.newPage();
  const lines = [];
  logs.set(page, { name, lines });
  const keep = (line) => {
    lines.push(line);
    lines.splice(0, lines.length - LOG_LINES);
  };
  page.on('console', (message) => {
    keep(`${message.type()}: ${message.text()}`);
    if (message.type() === 'error' && !EXPECTED.test(message.text())) logs.faults.push(`${name}: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    keep(`error: ${error.message}`);
    logs.faults.push(`${name}: ${error.message}`);
  });
  page.on('close', () => logs.delete(page));
  return page;
}

/** What the pages show, for a failure. */
export function describe(logs) {
  return [...logs].map(([page, { name, lines }]) => `  ${name} at ${page.url()}\n${lines.map((line) => `    ${line}\n`).join('')}`).join('');
}

/** Signs in as whoever the authorization server suggests. */
export async function signIn(page) {
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: /Sign in to example-web/ }).waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#strip').waitFor();
}

/** Waits until the session's state is one of these: fresh, due, expired, unavailable. */
export async function untilPhase(page, ...phases) {
  await page.locator(phases.map((phase) => `#phase[data-phase="${phase}"]`).join(', ')).waitFor();
}

/** Presses one of the buttons of the third tab, and waits until it is done. */
export async function trouble(page, button, message) {
  await page.getByRole('button', { name: button }).click();
  await page.locator('#done', { hasText: message }).waitFor();
}

/** How far a page is wider than its window, in CSS pixels. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
