// What the pages do beyond HTML: the reader's own time zone, and live updates of the front page.
// Cards come from the server, escaped there. A card that grew is drawn anew in its place; new events wait behind a
// button, so that the order that was chosen stays and nothing moves under the reader's eyes.
"use strict";

(() => {
  // The server draws times in the zone that this cookie names; without scripts, in the operator's.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const cookie = "tz=" + encodeURIComponent(zone || "");
  if (zone && zone !== document.documentElement.dataset.zone && !document.cookie.split("; ").includes(cookie)) {
    document.cookie = cookie + "; path=/; max-age=31536000; samesite=lax";
    if (document.cookie.split("; ").includes(cookie)) { location.reload(); return; }
  }

  // A picture that does not come leaves no hole.
  document.addEventListener("error", (event) => {
    const picture = event.target;
    if (!(picture instanceof HTMLImageElement)) return;
    picture.closest(".card")?.classList.remove("pictured");
    picture.remove();
  }, true);
  for (const picture of document.images) {
    if (picture.complete && !picture.naturalWidth && picture.loading !== "lazy") picture.remove();
  }

  // Wide screens show the filter at once; the style sheet does so alone where the browser can.
  const filter = document.querySelector("details.more");
  if (filter && matchMedia("(min-width: 40.01rem)").matches) filter.open = true;

  const status = document.getElementById("live");
  const list = document.getElementById("events");
  if (!list || !status || !window.EventSource) return;

  const redrawPause = 5000;
  const fresh = new Map();
  let button = null;
  let redrawing = 0;

  function say(state, text) {
    status.hidden = false;
    status.dataset.state = state;
    if (status.textContent !== text) status.textContent = text;
  }

  function cardOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.querySelector("li.card");
  }

  function grow(old, card) {
    const details = old.querySelector("details");
    const next = card.querySelector("details");
    if (details && next && details.open) next.open = true;
    const focused = old.contains(document.activeElement);
    old.replaceWith(card);
    if (focused) card.querySelector("a").focus();
    card.classList.add("fresh");
  }

  function offer() {
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.className = "offer";
      button.addEventListener("click", () => redraw(true));
      document.getElementById("list").prepend(button);
    }
    button.textContent = fresh.size + " " + status.dataset.new;
  }

  // The page as it would be now; the counters and bars of it, and the list too when the reader asked for it.
  async function redraw(whole) {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const overview = page.getElementById("overview");
    if (overview) document.getElementById("overview").replaceWith(overview);
    if (!whole) return;
    const shown = new Map(fresh);
    fresh.clear();
    button = null;
    document.getElementById("list").replaceWith(page.getElementById("list"));
    for (const [id, card] of shown) {
      // One that came a moment ago, or stands on a later page, is what was asked for: it comes first.
      if (!document.getElementById(id)) document.getElementById("events").prepend(card);
      document.getElementById(id).classList.add("fresh");
    }
    document.querySelectorAll("#events:not(:empty)").forEach((filled) => filled.parentElement.querySelector("p.empty")?.remove());
    document.querySelector("#events a")?.focus({ preventScroll: true });
  }

  function redrawSoon() {
    if (redrawing) return;
    redrawing = setTimeout(() => {
      redrawing = 0;
      redraw(false).catch(() => say("off", status.dataset.off));
    }, redrawPause);
  }

  const source = new EventSource("/live" + list.dataset.query);
  source.addEventListener("open", () => say("on", status.dataset.live));
  source.addEventListener("error", () => say("off", status.dataset.off));
  source.addEventListener("report", (event) => {
    const card = cardOf(JSON.parse(event.data).card);
    if (!card) return;
    const old = document.getElementById(card.id);
    if (old) grow(old, card);
    else { fresh.set(card.id, card); offer(); }
    redrawSoon();
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
