// A field of a row is edited where it stands: the server's own form for it is fetched into a dialog. Once it is
// saved the server answers with the list, of which the row is taken, and what there is to say.

const list = document.querySelector("[data-list]");
const dialog = document.createElement("dialog");
let row = null;
let address = "";

if (list) start();

function start() {
  dialog.className = "in-place";
  document.body.append(dialog);
  for (const each of list.querySelectorAll("[data-row]")) addButtons(each);
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-in-place], button.edit-row");
    if (button?.matches(".edit-row")) offer(button);
    else if (button) open(button);
  });
  dialog.addEventListener("click", (event) => {
    const offered = event.target.closest("button[data-in-place]");
    if (offered) open(row.querySelector(`[data-in-place="${CSS.escape(offered.dataset.inPlace)}"]`));
    const isOutside = event.target === dialog;
    if (isOutside || event.target.closest("[data-leave]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("submit", save);
  dialog.addEventListener("close", () => focusOnButton());
}

// The heads say which columns are edited; the server need not say it of each row.
function addButtons(row) {
  const main = row.querySelector(".is-main");
  const title = (main?.querySelector("a") ?? main)?.innerText.trim() ?? "";
  const cells = [...row.children];
  const heads = list.querySelectorAll("th[data-in-place]");
  for (const head of heads) {
    const cell = cells[head.cellIndex];
    const button = pencil("edit-cell", `Edit ${head.dataset.label} of ${title}`);
    button.dataset.inPlace = `${head.dataset.inPlace}/${row.dataset.row}/${head.dataset.field}`;
    button.dataset.label = head.dataset.label;
    cell.classList.add("is-editable");
    cell.append(button);
  }
  if (heads.length) main?.append(pencil("edit-row", `Edit ${title}`));
}

function pencil(name, label) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: `${name} icon-button`, title: "Edit" });
  button.setAttribute("aria-label", label);
  button.append(icon("pencil"));
  return button;
}

function icon(name) {
  const mark = document.createElement("i");
  mark.className = `ti ti-${name}`;
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

// Where a row is a card, its fields are offered one below the other, with what they hold.
function offer(button) {
  row = button.closest("[data-row]");
  const fields = document.createElement("div");
  fields.className = "in-place-fields";
  fields.append(...[...row.querySelectorAll(".edit-cell")].map(offered));
  show(fields, button);
}

function offered(inCell) {
  const button = document.createElement("button");
  const [label, value] = [document.createElement("span"), document.createElement("span")];
  label.textContent = inCell.dataset.label;
  value.textContent = held(inCell.closest("td"));
  button.type = "button";
  button.dataset.inPlace = inCell.dataset.inPlace;
  button.append(label, " ", value, icon("chevron-right"));
  return button;
}

function held(cell) {
  const several = [...cell.querySelectorAll(".several > *")].map((each) => each.textContent.trim());
  const copy = cell.cloneNode(true);
  for (const each of copy.querySelectorAll(".cell-label, [aria-hidden], button")) each.remove();
  return several.length ? several.join(", ") : copy.textContent.trim();
}

async function open(button) {
  row = button.closest("[data-row]");
  address = button.dataset.inPlace;
  const query = new URLSearchParams({ from: location.pathname + location.search });
  const answer = await answered(fetch(`${address}?${query}`, { headers: { Accept: "text/html" } }));
  if (!answer.form) location.assign(`${address}?${query}`);
  else show(answer.form, button);
}

// Whatever has no form in it is a page of its own, such as the sign-in or an error.
async function answered(request) {
  const response = await request;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return { response, page, form: page.querySelector("form.record-form") };
}

function show(form, button) {
  const title = document.createElement("h2");
  title.textContent = button.getAttribute("aria-label");
  dialog.setAttribute("aria-label", title.textContent);
  fill(title, form);
  if (!dialog.open) dialog.showModal();
  placeBeside(button);
  focusOnField();
}

function fill(title, form) {
  const imported = document.importNode(form, true);
  imported.removeAttribute("data-guard");
  dialog.replaceChildren(title, imported);
  dialog.dispatchEvent(new CustomEvent("backoffice:added", { bubbles: true }));
}

function placeBeside(button) {
  const at = (button.checkVisibility() ? button.closest("td") : row.querySelector(".edit-row")).getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - dialog.offsetWidth - 16);
  const isRoomBelow = at.bottom + dialog.offsetHeight + 16 < innerHeight;
  const top = isRoomBelow ? at.bottom + 4 : Math.max(16, at.top - dialog.offsetHeight - 4);
  dialog.style.setProperty("--left", `${Math.max(16, left)}px`);
  dialog.style.setProperty("--top", `${top}px`);
}

function focusOnField() {
  const field = dialog.querySelector("[data-focus-first], .in-place-fields button, .combo input, select:not([hidden]), input:not([type=hidden]), textarea");
  field?.focus();
}

async function save(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("[data-submit]");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    const { response, page, form: again } = await answered(fetch(form.action, { method: "POST", body: new FormData(form) }));
    if (response.redirected && page.querySelector("[data-list], .empty-state")) return take(page);
    if (!again) return location.assign(response.redirected ? response.url : `${form.action}`);
    fill(dialog.querySelector("h2"), again);
    focusOnField();
  } catch {
    button.removeAttribute("aria-disabled");
    button.textContent = "Not sent: try again";
  }
}

// The tick box stays, for what is ticked is not the server's matter.
function take(page) {
  const fresh = page.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`);
  for (const cell of row.querySelectorAll("td:not(.tick)")) cell.remove();
  if (fresh) {
    row.append(...fresh.querySelectorAll("td:not(.tick)"));
    addButtons(row);
  } else {
    row.remove();
  }
  const said = page.querySelector(".flashes");
  document.querySelector(".flashes")?.remove();
  if (said) document.querySelector("main").prepend(document.importNode(said, true));
  dialog.close();
}

function focusOnButton() {
  const buttons = [...list.querySelectorAll("button[data-in-place]")];
  const button = buttons.find((each) => each.dataset.inPlace === address) ?? buttons[0];
  const ofRow = row?.isConnected ? row.querySelector(".edit-row") : list.querySelector(".edit-row");
  (button?.checkVisibility() ? button : ofRow)?.focus();
}
