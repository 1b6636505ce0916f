// Drives the application of examples/web in a real browser, as visitors do.
//
// `APP_URL` is where it is, `CHROMIUM` the browser, `SCREENSHOTS` where pictures go. The browser's profile is in `TMPDIR`.
// Each line on stdout that begins with `ok ` is a statement that held. The first that does not ends the run.

import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { describe, openPage, overflow, signIn, trouble, untilPhase } from './page.mjs';

const { APP_URL, CHROMIUM, SCREENSHOTS } = process.env;
const WAIT_MS = 12_000;
const RUN_MS = 75_000;
const ROUNDS = 3;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const DESKTOP = { width: 1200, height: 800 };
const PHONE = { width: 390, height: 844 };
const NARROW = { width: 360, height: 740 };

const logs = Object.assign(new Map(), { faults: [] });
const at = (path) => new URL(path, APP_URL).href;

function ok(statement) {
  console.log(`ok ${statement}`);
}

function ensure(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

async function picture(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}

/** Where visitors are asked to sign in, and why. */
async function atTheDoor(page, reason, words) {
  await page.waitForURL((url) => url.pathname === '/sign-in');
  const { searchParams } = new URL(page.url());
  ensure(searchParams.get('reason') === reason, `the reason is ${searchParams.get('reason')}, not ${reason}`);
  await page.locator('#message', { hasText: words }).waitFor();
  ensure(!(await page.content()).includes('alice'), 'the sign-in page still knows who was signed in');
}

async function signInAndMount(context) {
  const page = await openPage(context, 'first tab', logs);
  await page.goto(at('/'));
  await atTheDoor(page, null, 'for people who are signed in');
  await picture(page, 'sign-in-desktop-light');
  await signIn(page);
  ensure(new URL(page.url()).pathname === '/tab1', `the sign-in returns to ${page.url()}`);
  await page.locator('.subject', { hasText: 'alice' }).waitFor();
  ok('a guarded page asks for a sign-in, and the sign-in returns to it');

  const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]));
  const seen = kept + (await page.content()) + (await (await context.request.get(at('/session'))).text());
  ensure(!/\b(at|rt)_|eyJ/.test(seen), 'the browser has seen a token');
  ensure((await page.evaluate(() => document.cookie)) === '', 'scripts can read the cookie');
  ok('no token reaches the browser, and no script the cookie');

  await untilPhase(page, 'expired');
  await page.reload();
  await page.locator('#outcome[data-word="refreshed"], #outcome[data-word="fresh"]').waitFor();
  ensure((await page.locator('body').getAttribute('data-outcome')) === 'refreshed', 'the page was loaded without a refresh');
  await untilPhase(page, 'fresh', 'due');
  ok('an expired session is refreshed when a page is mounted');
  return page;
}

async function tabsInParallel(context, first) {
  const [second, third] = await Promise.all([openPage(context, 'second tab', logs), openPage(context, 'third tab', logs)]);
  await Promise.all([second.goto(at('/tab2')), third.goto(at('/tab3'))]);
  await second.locator('#orders-of', { hasText: 'alice' }).waitFor();
  ok('the protected API is called with the bearer of the visitor');

  const refreshed = first.locator('#events li', { hasText: 'Refreshed' });
  const before = await refreshed.count();
  for (let round = 1; round <= ROUNDS; round += 1) {
    await trouble(third, 'Expire it', 'has expired');
    const asked = await Promise.all([
      second.evaluate(() => Promise.all(Array.from({ length: 8 }, () => fetch('/api/orders').then((r) => r.status)))),
      first.evaluate(() => Promise.all(Array.from({ length: 8 }, () => fetch('/session').then((r) => r.status)))),
      third.reload().then((answer) => answer.status()),
    ]);
    ensure(asked.flat().every((status) => status === 200), `some were refused: ${asked.flat()}`);
    // Events come in order: one refresh too many would be there before the one of the next round.
    await refreshed.nth(before + round - 1).waitFor();
    const count = (await refreshed.count()) - before;
    ensure(count === round, `${round} times, 17 requests of three tabs came at once; there were ${count} refreshes`);
  }
  ok('three tabs that ask at once after an expiry cause one refresh');
  await picture(first, 'tab1-desktop-light');
  await picture(second, 'tab2-desktop-light');
  await picture(third, 'tab3-desktop-light');
  return [second, third];
}

async function brokenNetwork(first, second, third) {
  await trouble(third, 'Break it', 'is down');
  await trouble(third, 'Expire it', 'has expired');
  await second.getByRole('button', { name: 'Load the orders' }).click();
  await second.locator('#how', { hasText: 'the session is kept' }).waitFor();
  await first.getByRole('button', { name: 'Refresh if expired' }).click();
  await untilPhase(first, 'unavailable');
  await first.locator('#banner', { hasText: 'cannot be reached' }).waitFor();
  await first.reload();
  await untilPhase(first, 'unavailable');
  await picture(first, 'tab1-network-down');
  ok('a broken network logs nobody out, and says what is the matter');

  await third.reload();
  await trouble(third, 'Repair it', 'works again');
  await untilPhase(first, 'fresh', 'due');
  await second.getByRole('button', { name: 'Load the orders' }).click();
  await second.locator('#how', { hasText: 'to the API' }).waitFor();
  ensure(await first.locator('#banner').isHidden(), 'the banner is still there');
  ok('the session goes on by itself when the network is back');
}

async function revoked(first, second, third) {
  await trouble(third, 'Revoke it', 'Revoked');
  await second.getByRole('button', { name: 'Load the orders' }).click();
  for (const page of [second, first, third]) await atTheDoor(page, 'rejected', 'took it back');
  await picture(second, 'revoked-desktop-light');
  ok('a revoked session ends in every tab, with the reason');

  await signIn(second);
  ensure(new URL(second.url()).pathname === '/tab2', `the sign-in returns to ${second.url()}`);
  await Promise.all([first.goto(at('/tab1')), third.goto(at('/tab3'))]);
  ok('the next sign-in returns to the tab it was asked for in');
}

async function elsewhere(first, second, third) {
  await third.getByRole('button', { name: 'Sign out elsewhere' }).click();
  for (const page of [third, second, first]) await atTheDoor(page, 'logged_out_elsewhere', 'of another application');
  ok('a logout elsewhere (back channel) is one in every tab');

  await signIn(first);
  await Promise.all([second.goto(at('/tab2')), third.goto(at('/tab3'))]);
  await second.locator('#orders-of', { hasText: 'alice' }).waitFor();
}

/** In a page: an error in the console if it shows somebody, be it for a moment. */
function tellOfPrivate() {
  addEventListener('pageshow', () => {
    if (document.body.innerText.includes('alice')) console.error(`${location.pathname} shows who was signed in`);
  });
}

async function loggedOut(first, second, third) {
  // A visitor who has left a private page, but not the session.
  await second.evaluate(tellOfPrivate);
  await second.goto(at('/sign-in'));
  await first.getByRole('link', { name: 'Orders' }).click();
  await first.locator('#orders-of', { hasText: 'alice' }).waitFor();
  await first.getByRole('button', { name: 'Log out' }).click();
  await first.waitForURL((url) => url.pathname === '/signed-out');
  await atTheDoor(third, 'logged_out', 'have logged out');
  ok('a logout in one tab is one in the others');

  for (const page of [first, second]) {
    await page.addInitScript(tellOfPrivate);
    await page.evaluate(() => history.back());
    await page.waitForURL((url) => url.searchParams.has('return_to'));
    await page.locator('#message').waitFor();
    ensure(!(await page.content()).includes('alice'), 'the back button shows who was signed in');
  }
  await picture(first, 'back-after-logout');
  const { status } = await first.evaluate(() => fetch('/api/orders').then((r) => ({ status: r.status })));
  ensure(status === 401, `a signed-out visitor gets ${status} for orders`);
  ensure(logs.faults.length === 0, logs.faults.join('; '));
  ok('the back button shows nothing private after a logout');
  await Promise.all([first, second, third].map((page) => page.close()));
}

async function byKeyboard(context) {
  const page = await openPage(context, 'keyboard', logs);
  await page.goto(at('/tab1'));
  const press = async (role, name) => {
    for (let steps = 0; steps < 25; steps += 1) {
      await page.keyboard.press('Tab');
      const target = page.getByRole(role, { name, exact: true });
      if (await target.evaluateAll((found) => found.some((element) => element === document.activeElement))) {
        const outline = await target.evaluate((element) => getComputedStyle(element).outlineStyle);
        ensure(outline !== 'none', `the focus on ${name} cannot be seen`);
        return page.keyboard.press('Enter');
      }
    }
    throw new Error(`the keyboard does not reach ${name}`);
  };
  await press('link', 'Sign in');
  await page.getByRole('heading', { name: /Sign in to example-web/ }).waitFor();
  await page.locator('#subject').focus();
  await page.keyboard.press('Enter');
  await page.locator('#strip').waitFor();
  await press('link', 'Orders');
  await page.locator('#orders-of').waitFor();
  await press('link', 'Trouble');
  await page.locator('.troubles').waitFor();
  await press('button', 'Expire it');
  await page.locator('#done', { hasText: 'has expired' }).waitFor();
  ok('everything is reached by keyboard, and the focus is seen');
}

async function onAPhone(browser, storageState) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: PHONE, colorScheme, storageState, deviceScaleFactor: 2 });
    context.setDefaultTimeout(WAIT_MS);
    const page = await openPage(context, `phone, ${colorScheme}`, logs);
    for (const tab of ['tab1', 'tab2', 'tab3', 'sign-in?reason=rejected']) {
      await page.setViewportSize(PHONE);
      await page.goto(at(`/${tab}`));
      if (tab === 'tab2') await page.locator('#orders-of', { hasText: 'alice' }).waitFor();
      if (tab === 'tab1') await page.locator('#timeline .knob').waitFor();
      await picture(page, `${tab.split('?')[0]}-phone-${colorScheme}`);
      await page.setViewportSize(NARROW);
      ensure((await overflow(page)) <= 0, `/${tab} is wider than a phone of 360 px`);
    }
    await context.close();
  }
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'dark', storageState });
  context.setDefaultTimeout(WAIT_MS);
  const page = await openPage(context, 'desktop, dark', logs);
  for (const tab of ['tab1', 'tab2', 'tab3']) {
    await page.goto(at(`/${tab}`));
    if (tab === 'tab2') await page.locator('#orders-of').waitFor();
    if (tab === 'tab1') await page.locator('#timeline .knob').waitFor();
    await picture(page, `${tab}-desktop-dark`);
  }
  await context.close();
  ok('every page fits a phone, light and dark');
}

async function withoutScripts(browser) {
  const context = await browser.newContext({ viewport: DESKTOP, javaScriptEnabled: false });
  context.setDefaultTimeout(WAIT_MS);
  const page = await openPage(context, 'without scripts', logs);
  await page.goto(at('/tab3'));
  await signIn(page);
  await page.getByRole('button', { name: 'Expire it' }).click();
  await page.locator('body[data-outcome="refreshed"]').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL((url) => url.pathname === '/signed-out');
  await context.close();
  ok('signing in, the guarded pages and logging out work without scripts');
}

async function scenarios(browser) {
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'light' });
  context.setDefaultTimeout(WAIT_MS);
  const first = await signInAndMount(context);
  const [second, third] = await tabsInParallel(context, first);
  await brokenNetwork(first, second, third);
  await revoked(first, second, third);
  await elsewhere(first, second, third);
  await loggedOut(first, second, third);
  await byKeyboard(context);
  await onAPhone(browser, await context.storageState());
  await withoutScripts(browser);
  ensure(logs.faults.length === 0, `the console tells of faults:\n${logs.faults.join('\n')}`);
  ok('no page broke its content security policy, nor had an error');
}

function fail(error) {
  console.error(`${error.message}\n\nThe pages:\n${describe(logs)}`);
  process.exit(1);
}

// Whoever started us is gone.
process.stdin.resume().on('end', () => process.exit(1));
setTimeout(() => fail(new Error(`not finished after ${RUN_MS / 1000} s`)), RUN_MS).unref();

try {
  // Pages that were left are kept for the back button, as they are for visitors.
  const ignoreDefaultArgs = ['--disable-back-forward-cache'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, ignoreDefaultArgs, headless: true });
  await scenarios(browser);
  await browser.close();
  process.exit(0);
} catch (error) {
  fail(error);
}
