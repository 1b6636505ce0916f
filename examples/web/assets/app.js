// What every tab does: follows the session, and leaves when it ends.

import { MOST_EVENTS, known, remember, store } from "/assets/history.js";
import { drawTimeline } from "/assets/timeline.js";
import { EVENTS, OUTCOMES, PHASES } from "/assets/words.js";

const RETRY_MS = 2_000;

const byId = (id) => document.getElementById(id);
const channel = new BroadcastChannel("session");

let session = null;
let clockOffset = 0;
let failing = false;
let leaving = false;
let stream = null;
let retry = null;

/** The time by the server's clock, in milliseconds. */
function serverNow() {
  return Date.now() + clockOffset;
}

// --- Leaving ---------------------------------------------------------------------------------------------------------

/** Goes to the sign-in page; nothing of the session stays to be seen, here or in the other tabs. */
function leave(signIn) {
  if (leaving) return;
  leaving = true;
  stream?.close();
  document.documentElement.dataset.left = "";
  const local = typeof signIn === "string" && signIn.startsWith("/") && !signIn.startsWith("//");
  const address = new URL(local ? signIn : "/sign-in", location.origin);
  channel.postMessage({ ended: address.searchParams.get("reason") });
  if (!address.searchParams.has("return_to")) address.searchParams.set("return_to", location.pathname);
  location.replace(address);
}

channel.addEventListener("message", ({ data }) => {
  // Another tab may be wrong about the reason, but not about the need to look.
  if (data && "ended" in data && !leaving) look();
});

byId("logout").addEventListener("submit", () => {
  // The answer to the form leads away; the news of the end must not overtake it.
  leaving = true;
  stream?.close();
});

addEventListener("pagehide", () => {
  stream?.close();
  stream = null;
  document.documentElement.dataset.left = "";
});

addEventListener("pageshow", async ({ persisted }) => {
  if (!persisted) return;
  leaving = false;
  if (await look()) delete document.documentElement.dataset.left;
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || leaving) return;
  look();
});

// --- Asking ----------------------------------------------------------------------------------------------------------

/** Asks our server; `null` if this page has to be left, or if nobody answered. */
async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options, headers: { accept: "application/json" } });
  } catch {
    warn("The server of this page does not answer.");
    return null;
  }
  const body = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (response.status === 401) {
    leave(body.sign_in);
    return null;
  }
  return { status: response.status, body };
}

/** Refreshes the session if it has expired, and shows it. Returns whether the page may go on showing it. */
async function look() {
  clearTimeout(retry);
  const answer = await ask("/session");
  if (!answer) return false;
  if (answer.status === 200) {
    take(answer.body);
    tell(answer.body.outcome);
    follow();
    return true;
  }
  unavailable(answer.body.reason ?? "unavailable");
  retry = setTimeout(look, RETRY_MS);
  return true;
}

/** Follows the session's events, as long as this page is shown. */
function follow() {
  if (stream && stream.readyState !== EventSource.CLOSED) return;
  stream = new EventSource("/events");
  stream.addEventListener("session", ({ data }) => take(JSON.parse(data)));
  stream.addEventListener("happened", ({ data }) => happened(JSON.parse(data)));
  stream.addEventListener("ended", ({ data }) => leave(JSON.parse(data).sign_in));
  stream.addEventListener("replaced", () => stream.close());
  stream.addEventListener("error", () => {
    // Refused, which an event source does not explain: the session knows why.
    if (stream?.readyState === EventSource.CLOSED) look();
  });
}

// --- Showing ---------------------------------------------------------------------------------------------------------

function take(news) {
  session = { ...news, lifetime: news.expires_at === null ? null : news.expires_at - news.received_at };
  clockOffset = news.now - Date.now();
  if (failing && serverNow() < (news.expires_at ?? Infinity)) recovered();
  remember(session);
  show();
}

function happened(event) {
  if (event.kind === "unavailable") unavailable(event.word);
  else recovered();
  const latest = known.events[0];
  if (latest?.kind === "unavailable" && event.kind === "unavailable") {
    // An outage is one event, however often somebody asks during it.
    Object.assign(latest, { at: event.at, times: latest.times + 1 });
  } else {
    known.events.unshift({ at: event.at, kind: event.kind, times: 1 });
    known.events.length = Math.min(known.events.length, MOST_EVENTS);
  }
  if (event.kind === "refreshed" || event.kind === "adopted") known.last = { at: event.at, word: event.kind };
  store();
  showEvents();
  show();
}

function unavailable(word) {
  failing = true;
  known.last = { at: Math.round(serverNow()), word };
  warn("The authorization server cannot be reached. The session is kept, and goes on when it is back.");
  show();
}

function recovered() {
  failing = false;
  byId("banner").hidden = true;
}

function warn(text) {
  const banner = byId("banner");
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = false;
}

function tell(outcome) {
  byId("outcome").textContent = OUTCOMES[outcome] ?? outcome;
  byId("outcome").dataset.word = outcome;
}

function phaseNow() {
  const now = serverNow();
  if (session.expires_at !== null && now >= session.expires_at) return failing ? "unavailable" : "expired";
  if (session.refresh_at !== null && now >= session.refresh_at) return "due";
  return "fresh";
}

function show() {
  if (!session) return;
  const phase = phaseNow();
  const pill = byId("phase");
  if (pill.dataset.phase !== phase) {
    pill.dataset.phase = phase;
    pill.textContent = PHASES[phase];
  }
  byId("countdown").textContent = countdown();
  byId("subject").textContent ||= session.subject ?? "";
  if (byId("timeline")) {
    byId("timeline-text").textContent = drawTimeline(byId("timeline"), session, known.refreshes, serverNow());
    showFacts();
  }
}

function countdown() {
  if (session.expires_at === null) return "The server did not say when it expires.";
  const left = Math.ceil((session.expires_at - serverNow()) / 1000);
  return left > 0 ? `expires in ${span(left)}` : `expired ${span(-left)} ago`;
}

function showFacts() {
  const facts = {
    signed_in_at: clock(session.signed_in_at),
    received_at: clock(session.received_at),
    refresh_at: clock(session.refresh_at),
    expires_at: clock(session.expires_at),
    refresh_token: session.refresh_token ? "yes" : "no: this session cannot be refreshed",
    last: known.last ? `${OUTCOMES[known.last.word] ?? known.last.word}, ${clock(known.last.at)}` : "none yet",
  };
  for (const [name, text] of Object.entries(facts)) {
    const element = document.querySelector(`[data-fact="${name}"]`);
    if (element.textContent !== text) element.textContent = text;
  }
}

function showEvents() {
  const list = byId("events");
  if (!list || known.events.length === 0) return;
  list.replaceChildren(
    ...known.events.map(({ at, kind, times }) => {
      const time = document.createElement("time");
      time.dateTime = new Date(at).toISOString();
      time.textContent = clock(at);
      const item = document.createElement("li");
      item.append(time, (EVENTS[kind] ?? kind) + (times > 1 ? ` (${times} times)` : ""));
      return item;
    }),
  );
}

function clock(at) {
  return at === null ? "unknown" : new Date(at).toLocaleTimeString([], { hour12: false });
}

function span(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

// --- What the tabs have of their own ---------------------------------------------------------------------------------

byId("check")?.addEventListener("click", look);

byId("load")?.addEventListener("click", loadOrders);

async function loadOrders() {
  const button = byId("load");
  button.disabled = true;
  byId("how").textContent = "Asking…";
  const answer = await ask("/api/orders");
  button.disabled = false;
  if (!answer) return;
  const { status, body } = answer;
  if (status !== 200) {
    byId("how").textContent = body.message ?? "There is no answer now; the session is kept.";
    return;
  }
  byId("how").textContent = `Access token: ${OUTCOMES[body.outcome] ?? body.outcome}; ${body.calls === 1 ? "one call" : `${body.calls} calls`} to the API`;
  byId("how").dataset.word = body.outcome;
  byId("orders-of").textContent = `Orders of ${body.owner}`;
  byId("rows").replaceChildren(
    ...body.orders.map(({ id, what, price }) => {
      const row = document.createElement("tr");
      for (const text of [id, what, price]) row.insertCell().textContent = text;
      row.lastChild.className = "number";
      return row;
    }),
  );
  byId("orders").hidden = false;
}

for (const form of document.querySelectorAll("form[data-trouble]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const action = event.submitter?.getAttribute("formaction") ?? form.action;
    const answer = await ask(action, { method: "POST" });
    if (!answer) return;
    const done = byId("done");
    done.textContent = answer.body.message ?? "That did not work.";
    done.hidden = false;
    for (const button of document.querySelectorAll("[data-network]")) {
      if (typeof answer.body.network === "boolean") button.hidden = (button.dataset.network === "cut") !== answer.body.network;
    }
    if (answer.body.network === true) look();
  });
}

// The request of this page has refreshed the session if it had expired: that is the refresh on mount.
tell(document.body.dataset.outcome);
showEvents();
if (byId("phase").dataset.phase === "unavailable") {
  // What is known from before is better than nothing.
  session = known.session;
  unavailable(document.body.dataset.outcome);
}
follow();
if (byId("load")) loadOrders();
// Twice a second is enough for seconds; nothing moves in between.
setInterval(show, 500);
