// Shortcuts for the keyboard. Single keys rest while one is typing, and can be switched off for good.

const KEY = "backoffice.keys";
const help = document.getElementById("keyboard-help");
const onOff = help.querySelector("[data-keyboard-switch]");
const rows = [...document.querySelectorAll("main [data-row]")];
let at = -1;

const actions = {
  "?": () => help.showModal(),
  "/": () => focusSearch(),
  j: () => move(1),
  k: () => move(-1),
  x: () => rows[at]?.querySelector("[name=pks]")?.click(),
  n: () => document.querySelector('[data-shortcut="n"]')?.click(),
  e: () => document.querySelector('[data-shortcut="e"]')?.click(),
  Enter: () => rows[at]?.querySelector(".is-main a")?.click(),
};

onOff.checked = localStorage.getItem(KEY) !== "off";
onOff.addEventListener("change", () => localStorage.setItem(KEY, onOff.checked ? "on" : "off"));
document.querySelector("[data-open-keyboard-help]")?.addEventListener("click", () => help.showModal());

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  if (!onOff.checked || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]") || isTaken(event)) return;
  const action = actions[event.key];
  if (!action) return;
  if (event.key !== "Enter" || at >= 0) event.preventDefault();
  action();
});

function submit(event) {
  const form = event.target.closest("form[method=post]");
  const button = form?.querySelector("[data-submit]");
  if (!button) return;
  event.preventDefault();
  button.click();
}

// Enter belongs to whatever link or button has the focus; every key belongs to a field.
function isTaken(event) {
  const target = event.target;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  if (target.matches("input")) return !["checkbox", "radio"].includes(target.type) || event.key === "Enter";
  return event.key === "Enter" && Boolean(target.closest("a, button, summary, [role=button]"));
}

function focusSearch() {
  const field = document.querySelector("main [data-search]") ?? document.querySelector("[data-search]");
  field?.focus();
  field?.select();
}

function move(step) {
  if (!rows.length) return;
  rows[at]?.classList.remove("is-at");
  at = Math.max(0, Math.min(rows.length - 1, at + step));
  rows[at].classList.add("is-at");
  rows[at].querySelector("a")?.focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "nearest" });
}
