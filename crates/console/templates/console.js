// What the console is without a script, and a little more: times in the viewer's zone, pages that refresh themselves while
// nothing is being typed, keys for the inbox, and a question before what cannot be undone.
"use strict";

const thisYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const otherYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const span = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });

function distance(at) {
  const seconds = (at - Date.now()) / 1000;
  for (const [unit, size, most] of [["second", 1, 90], ["minute", 60, 90], ["hour", 3600, 36], ["day", 86400, Infinity]]) {
    if (Math.abs(seconds / size) < most) return span.format(Math.round(seconds / size), unit);
  }
  return "";
}

// The exact time, in UTC, stays in the title.
function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    const format = at.getFullYear() === new Date().getFullYear() ? thisYear : otherYear;
    const near = document.createElement("small");
    near.textContent = distance(at);
    time.replaceChildren(`${format.format(at)} `, near);
  }
}

let main = document.querySelector("main");

// Whether a refresh would take something away from the person: a field in use or filled in, a film that plays, a selection.
function isBusy(part) {
  const active = document.activeElement;
  if (part.contains(active) && active.matches("input, textarea, select, button, summary, video")) return true;
  if (!document.getSelection().isCollapsed && part.contains(document.getSelection().anchorNode)) return true;
  if ([...part.querySelectorAll("video")].some((video) => !video.paused)) return true;
  return [...part.querySelectorAll("textarea, input:not([type=hidden])")].some((field) =>
    field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
}

function replace(old, fresh) {
  for (const open of old.querySelectorAll("details[open][id]")) {
    const again = fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (again) again.open = true;
  }
  const focused = old === document.activeElement || old.contains(document.activeElement) ? document.activeElement.id : "";
  localise(fresh);
  old.replaceWith(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// The parts of a page, which refresh one by one; what only arranges parts is none itself.
function parts(root) {
  return [...root.children].flatMap((child) => ("parts" in child.dataset ? parts(child) : child.id ? [child] : []));
}

// The parts as the server sent them last: only one that differs is replaced.
let sent = new Map();
const taken = (root) => new Map(parts(root).map((part) => [part.id, part.outerHTML]));

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.redirected) return location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main");
  const navigation = page.querySelector(".top nav");
  if (!fresh || !navigation) return;
  if (!document.querySelector(".top nav").contains(document.activeElement)) {
    document.querySelector(".top nav").replaceWith(navigation);
  }
  const now = taken(fresh);
  if ([...sent.keys()].join(" ") !== [...now.keys()].join(" ")) {
    if (isBusy(main)) return;
    replace(main, fresh);
    main = fresh;
    sent = now;
    return;
  }
  for (const part of parts(fresh)) {
    const old = document.getElementById(part.id);
    const html = now.get(part.id);
    if (!old || sent.get(part.id) === html || isBusy(old)) continue;
    sent.set(part.id, html);
    replace(old, part);
  }
}

function move(step) {
  const gates = [...document.querySelectorAll("[data-gate]")];
  if (!gates.length) return;
  const here = gates.indexOf(document.activeElement?.closest("[data-gate]"));
  gates[Math.min(gates.length - 1, Math.max(0, here + step))].focus();
}

// A key moves to what it names, and Enter does it: no single key decides.
function press(event) {
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
  if (typing || !document.querySelector("[data-gate]")) return;
  const gate = document.activeElement?.closest("[data-gate]") ?? document.querySelector("[data-gate]");
  switch (event.key) {
    case "j": move(1); break;
    case "k": move(-1); break;
    case "a": gate.querySelector("[data-key=a]")?.focus(); break;
    case "r": {
      const reject = gate.querySelector("[data-key=r]");
      if (reject) {
        reject.open = true;
        reject.querySelector("textarea").focus();
      }
      break;
    }
    case "o": location.href = gate.dataset.open; break;
    default: return;
  }
  event.preventDefault();
}

document.addEventListener("keydown", press);
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
if (main) {
  if (main.dataset.live) {
    sent = taken(main);
    // An answer that fails is asked for again the next time.
    setInterval(() => refresh().catch(() => {}), Number(main.dataset.live) * 1000);
  }
  localise(document);
}
