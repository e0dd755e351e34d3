// Live updates of the front page: a new event appears at the top, a joined one is drawn anew in its place.
// The cards come from the server, escaped there; this file only puts them into the list and says so.
"use strict";

(() => {
  // Wide screens show the filter at once; the style sheet does so alone where the browser can.
  const filter = document.querySelector("details.more");
  if (filter && matchMedia("(min-width: 40.01rem)").matches) filter.open = true;

  const list = document.getElementById("events");
  const status = document.getElementById("live");
  if (!list || !status || !window.EventSource) return;

  const longest = 200;
  let arrived = 0;

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

  function place(card) {
    const old = document.getElementById(card.id);
    if (old) {
      const details = old.querySelector("details");
      const next = card.querySelector("details");
      if (details && next && details.open) next.open = true;
      const focused = old.contains(document.activeElement);
      old.replaceWith(card);
      if (focused) card.querySelector("a").focus();
    } else {
      list.prepend(card);
      arrived += 1;
      while (list.children.length > longest) list.lastElementChild.remove();
      document.querySelectorAll("p.empty").forEach((line) => line.remove());
    }
    card.classList.add("fresh");
  }

  const source = new EventSource("/live" + list.dataset.query);
  source.addEventListener("open", () => say("on", arrived ? arrived + " new" : "Live"));
  source.addEventListener("error", () => say("off", "Reconnecting"));
  source.addEventListener("report", (event) => {
    const card = cardOf(JSON.parse(event.data).card);
    if (!card) return;
    place(card);
    say("on", arrived ? arrived + " new" : "Live");
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
