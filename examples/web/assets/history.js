// What a tab knows of its session, from one of its pages to the next. It ends with the tab, or at the sign-in page.

/** Refreshes and events that are kept. */
export const MOST_EVENTS = 50;

/** Of the session: its latest times, when it was refreshed, what happened, and what came of the last refresh. */
export const known = recall();

function recall() {
  const empty = { sign_in: null, session: null, refreshes: [], events: [], last: null };
  try {
    return { ...empty, ...JSON.parse(sessionStorage.getItem("history") ?? "{}") };
  } catch {
    return empty;
  }
}

/** Keeps it for the next page of this tab. */
export function store() {
  sessionStorage.setItem("history", JSON.stringify(known));
}

/** Takes news of the session; of another session than before, everything begins anew. */
export function remember(news) {
  known.session = news;
  if (known.sign_in !== news.signed_in_at) {
    Object.assign(known, { sign_in: news.signed_in_at, refreshes: [], events: [], last: null });
  }
  const latest = known.refreshes.at(-1) ?? -Infinity;
  if (news.received_at > latest) {
    known.refreshes.push(news.received_at);
    known.refreshes.splice(0, known.refreshes.length - MOST_EVENTS);
    if (news.received_at > news.signed_in_at + 1_000 && !(known.last?.at >= news.received_at)) {
      known.last = { at: news.received_at, word: "refreshed" };
    }
  }
  // A token that was made old has moved back in time; when it was issued is still known here.
  news.received_at = Math.max(news.received_at, known.refreshes.at(-1));
  store();
}
