// The life of an access token as a picture, and in words.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 12;
const HEIGHT = 104;
const RAIL = { y: 34, height: 22 };

/** Draws into `svg`; returns the same in words. All times in milliseconds. */
export function drawTimeline(svg, session, refreshes, now) {
  // As wide as it is shown, so that words keep their size on a phone.
  const width = svg.clientWidth || 720;
  const right = width - LEFT;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const issued = session.received_at;
  const end = session.expires_at;
  if (end === null) {
    svg.replaceChildren();
    return "The server did not say when the access token expires.";
  }
  const lifetime = Math.max(session.lifetime, 1_000);
  // Two lifetimes into the past, so that the refreshes before this one are seen.
  const from = issued - 2 * lifetime;
  const to = Math.max(end + lifetime / 2, now + lifetime / 10);
  const x = (at) => LEFT + ((right - LEFT) * (at - from)) / (to - from);
  const due = Math.min(Math.max(session.refresh_at ?? end, issued), end);

  svg.replaceChildren(
    bar("rail", LEFT, right),
    bar("fresh", x(issued), x(due)),
    ...(due < end ? [bar("due", x(due), x(end))] : []),
    bar("expired", x(end), right),
    ...refreshes.filter((at) => at >= from && at <= to).map((at) => line("tick", x(at), RAIL.y - 6, RAIL.y + RAIL.height + 6)),
    line("now", x(now), RAIL.y - 14, RAIL.y + RAIL.height + 8),
    shape("circle", { class: "knob", cx: x(now), cy: RAIL.y - 14, r: 4.5 }),
    label("label-now", x(now), 12, "now", right),
    label("", x(issued), 84, "issued", right),
    label("", x(end), 84, "expires", right),
    ...(x(end) - x(due) > 8 ? [label("", x(due), 100, "refresh", right)] : []),
  );
  const seconds = (milliseconds) => Math.round(milliseconds / 1000);
  const past = refreshes.filter((at) => at > session.signed_in_at + 1_000).length;
  const times = past === 0 ? "not refreshed yet" : past === 1 ? "refreshed once" : `refreshed ${past} times`;
  if (now >= end) return `The access token expired; the session was ${times} as this tab has seen it.`;
  return `The access token lives ${seconds(lifetime)} seconds; the session was ${times} as this tab has seen it.`;
}

function bar(name, from, to) {
  return shape("rect", { class: name, x: from, y: RAIL.y, width: Math.max(to - from, 0), height: RAIL.height, rx: 4 });
}

function line(name, x, from, to) {
  return shape("line", { class: name, x1: x, x2: x, y1: from, y2: to });
}

function label(name, x, y, text, right) {
  const anchor = x < LEFT + 30 ? "start" : x > right - 30 ? "end" : "middle";
  const element = shape("text", { class: name, x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
