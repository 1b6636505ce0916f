// What the words of the server mean to a person.

export const OUTCOMES = {
  no_session: "there is no session",
  fresh: "fresh, nothing to do",
  refreshed: "refreshed",
  joined: "refreshed together with another request",
  adopted: "adopted what another process refreshed",
  served_while_refreshing: "served while somebody refreshes",
  postponed: "due, not refreshed yet, still valid",
  unavailable: "not refreshed, the session is kept",
  outcome_unknown: "not refreshed, the answer was lost",
};

export const EVENTS = {
  signed_in: "Signed in",
  refreshed: "Refreshed",
  adopted: "Another process refreshed; adopted",
  unavailable: "A refresh failed; the session is kept",
};

export const PHASES = { fresh: "Fresh", due: "Due for a refresh", expired: "Expired", unavailable: "Kept, not usable now" };
