// The palette: a dialog that finds records and pages as one types, and what can be done with the record shown (the
// ARIA combobox pattern). `data-palette` answers `?q=…` with {"groups": [{"label", "items": [{"label", "url",
// "icon", "detail"}]}]}. Without this script its button leads to the same, as a page.

const WAIT = 140;
const KEYS = "backoffice.keys";
const RECENT = "backoffice.recent";
const MOST_RECENT = 8;

const dialog = document.getElementById("palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const note = dialog.querySelector("[role=status]");
// Whoever signs in next in this tab has another token, and sees nothing of this.
const session = document.querySelector("meta[name=csrf-token]").content.slice(0, 16);
const record = document.querySelector("[data-record]");

let items = [];
let at = -1;
let timer = 0;
let asking = null;
let takesFirst = false;

if (record) remember({ label: record.dataset.record, url: location.pathname, icon: "ti ti-history" });

document.addEventListener("keydown", (event) => {
  const isOurs = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (!isOurs || event.defaultPrevented || localStorage.getItem(KEYS) === "off") return;
  event.preventDefault();
  if (dialog.open) dialog.close();
  else if (!document.querySelector("dialog[open]")) open();
});
for (const opener of document.querySelectorAll("[data-open-palette]")) {
  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  if (isMac) for (const key of opener.querySelectorAll("kbd")) key.textContent = "⌘ K";
}
input.addEventListener("input", () => lookUpSoon());
input.addEventListener("keydown", press);
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) take(items[Number(option.dataset.index)], event.ctrlKey || event.metaKey);
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  clearTimeout(timer);
  asking?.abort();
});

function open() {
  input.value = "";
  at = -1;
  offer([]);
  dialog.showModal();
  input.focus();
  lookUp("");
}

function press(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && items.length) mark((at + step + items.length) % items.length);
  else if (event.key === "Enter" && timer) takesFirst = true;
  else if (event.key === "Enter" && at >= 0) take(items[at], event.ctrlKey || event.metaKey);
  if (step || event.key === "Enter") event.preventDefault();
}

function lookUpSoon() {
  clearTimeout(timer);
  asking?.abort();
  takesFirst = false;
  at = Math.min(at, 0);
  timer = setTimeout(() => lookUp(input.value.trim()), WAIT);
}

async function lookUp(term) {
  asking?.abort();
  asking = new AbortController();
  const url = new URL(dialog.dataset.palette, document.baseURI);
  url.searchParams.set("q", term);
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: asking.signal });
    const said = await answer.json();
    timer = 0;
    if (answer.ok) offer(said.groups, term);
    else offer([], term, said.error);
  } catch (error) {
    if (error.name === "AbortError") return;
    timer = 0;
    offer([], term, "The search failed. Try again.");
  }
}

// What the page itself knows comes first: what can be done here, and what was open last.
function offer(groups, term = "", problem = "") {
  const words = term.toLowerCase().split(/\s+/).filter(Boolean);
  const here = verbs().filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const own = [{ label: "This record", items: here }, { label: "Recent", items: term ? [] : recent() }];
  // Whoever has walked on while this came stays there.
  const chosen = at > 0 ? items[at] : null;
  show([...own, ...groups].filter((group) => group.items.length));
  const count = items.length === 1 ? "1 result" : `${items.length} results`;
  note.textContent = problem || (items.length ? count : term ? "Nothing found." : "");
  mark(items.length ? Math.max(0, placeOf(chosen)) : -1);
  if (takesFirst && items.length) take(items[0]);
  takesFirst = false;
}

function placeOf(chosen) {
  return items.findIndex(({ label, url }) => chosen && label === chosen.label && url === chosen.url);
}

function show(groups) {
  items = groups.flatMap((group) => group.items);
  let index = 0;
  list.replaceChildren(...groups.map((group, number) => {
    const title = element("div", { id: `palette-group-${number}`, className: "palette-title", textContent: group.label });
    title.setAttribute("role", "presentation");
    const part = element("div", {}, title, ...group.items.map((item) => optionOf(item, index++)));
    part.setAttribute("role", "group");
    part.setAttribute("aria-labelledby", title.id);
    return part;
  }));
}

function optionOf(item, index) {
  const label = element("span", { className: "palette-label", dir: "auto", textContent: item.label });
  const detail = element("span", { className: "palette-detail", dir: "auto", textContent: item.detail ?? "" });
  const icon = element("i", { className: item.icon || "ti ti-arrow-right" });
  icon.setAttribute("aria-hidden", "true");
  const option = element("div", { id: `palette-option-${index}`, className: "palette-option" }, icon, label, detail);
  option.setAttribute("role", "option");
  option.dataset.index = index;
  return option;
}

function mark(index) {
  at = index;
  list.querySelectorAll("[role=option]").forEach((option, place) => {
    option.setAttribute("aria-selected", String(place === index));
    if (place === index) option.scrollIntoView({ block: "nearest" });
  });
  if (index <= 0) list.scrollTop = 0;
  if (index >= 0) input.setAttribute("aria-activedescendant", `palette-option-${index}`);
  else input.removeAttribute("aria-activedescendant");
}

function take(item, isElsewhere = false) {
  if (item.element) {
    dialog.close();
    item.element.click();
  } else if (isElsewhere) {
    window.open(item.url, "_blank", "noopener");
  } else {
    dialog.close();
    location.assign(item.url);
  }
}

function verbs() {
  const found = record?.querySelectorAll(".page-actions :is(a.btn, button.btn)") ?? [];
  return [...found].map((button) => ({
    label: button.textContent.trim(),
    icon: button.querySelector(".ti")?.className,
    element: button,
  }));
}

function recent() {
  const kept = JSON.parse(sessionStorage.getItem(RECENT) ?? "{}");
  const others = kept.session === session ? kept.items : [];
  return others.filter((item) => item.url !== location.pathname);
}

function remember(item) {
  const kept = [item, ...recent()].slice(0, MOST_RECENT);
  sessionStorage.setItem(RECENT, JSON.stringify({ session, items: kept }));
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
