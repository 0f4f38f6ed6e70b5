// Ticking rows: all on the page, a range with Shift, on several pages, all that match but for some; and a click
// on a row opens it. What is ticked is remembered in this tab until it is done or unticked.

const REMEMBERED = "backoffice.ticks";

const list = document.querySelector("[data-list]");
if (list) start(list);

// Once it is done, nothing is ticked any more.
for (const form of document.querySelectorAll("form[data-forget-ticks]")) {
  form.addEventListener("submit", () => sessionStorage.removeItem(REMEMBERED));
}

// Of many views, the one that is shown may be further right than there is room for.
document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

document.getElementById("export-menu")?.addEventListener("click", (event) => event.currentTarget.hidePopover());

function start(list) {
  const boxes = [...list.querySelectorAll("[name=pks]")];
  if (!boxes.length) return;
  const all = list.querySelector("[data-tick-all]");
  const scope = list.querySelector("[data-scope-all]");
  const count = list.querySelector("[data-count]");
  const address = addressOf(location);
  let ticks = recall(address);
  let last = null;

  list.addEventListener("click", (event) => {
    const index = boxes.indexOf(event.target);
    if (index >= 0) {
      if (event.shiftKey && last !== null) tickRange(last, index, event.target.checked);
      last = index;
    } else if (event.target.closest("[data-tick-none]")) {
      untickEverything();
    } else {
      openRow(event);
    }
  });
  list.addEventListener("change", (event) => {
    if (event.target === scope) ticks = { all: scope.checked, keys: new Set() };
    if (event.target === scope) follow();
    if (event.target === all) for (const box of boxes) box.checked = all.checked;
    note();
  });
  list.addEventListener("submit", sendWhatIsElsewhere);
  window.addEventListener("pageshow", () => {
    ticks = recall(address);
    follow();
    show();
  });

  // `keys` are the ticked rows; with "all that match", those that are not.
  function note() {
    for (const box of boxes) {
      if (box.checked === ticks.all) ticks.keys.delete(box.value);
      else ticks.keys.add(box.value);
    }
    remember(address, ticks);
    show();
  }

  function follow() {
    scope.checked = ticks.all;
    for (const box of boxes) box.checked = ticks.keys.has(box.value) !== ticks.all;
  }

  function untickEverything() {
    ticks = { all: false, keys: new Set() };
    remember(address, ticks);
    follow();
    show();
    all.focus();
  }

  function tickRange(from, to, isTicked) {
    for (const box of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) box.checked = isTicked;
  }

  function show() {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    list.toggleAttribute("data-ticked", ticks.all || ticks.keys.size > 0);
    count.textContent = words();
  }

  function words() {
    const number = ticks.keys.size;
    if (ticks.all) return number ? `Every matching row but ${number}` : "Every matching row";
    const elsewhere = keysElsewhere().length;
    const ticked = number === 1 ? "1 row ticked" : `${number} rows ticked`;
    return elsewhere ? `${ticked}, ${elsewhere} on other pages` : ticked;
  }

  function keysElsewhere() {
    const here = new Set(boxes.map((box) => box.value));
    return [...ticks.keys].filter((key) => !here.has(key));
  }

  function sendWhatIsElsewhere() {
    for (const input of list.querySelectorAll("[data-elsewhere]")) input.remove();
    const keys = ticks.all ? ticks.keys : keysElsewhere();
    for (const key of keys) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: ticks.all ? "except" : "pks", value: key });
      input.dataset.elsewhere = "";
      list.append(input);
    }
  }
}

// The list, whichever of its pages is shown, in whatever order.
function addressOf(location) {
  const query = new URLSearchParams(location.search);
  for (const name of ["page", "pageSize", "sortBy", "sort", "after", "before", "view", "columns"]) query.delete(name);
  query.sort();
  return `${location.pathname}?${query}`;
}

function recall(address) {
  const kept = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "{}");
  return kept.address === address ? { all: kept.all, keys: new Set(kept.keys) } : { all: false, keys: new Set() };
}

function remember(address, ticks) {
  sessionStorage.setItem(REMEMBERED, JSON.stringify({ address, all: ticks.all, keys: [...ticks.keys] }));
}

function openRow(event) {
  const row = event.target.closest("tbody tr");
  if (!row || event.target.closest("a, button, input, label, select, summary") || String(window.getSelection())) return;
  const link = row.querySelector(".is-main a");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
}
