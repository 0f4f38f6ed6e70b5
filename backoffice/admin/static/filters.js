// The list follows its filters at once. The focus stays where it was, also on the page that comes.
// On a narrow screen the filters lie on a sheet of their own, and wait for its button.

const KEY = "backoffice.filter";
const form = document.querySelector("[data-filters]");
const isNarrow = window.matchMedia("(max-width: 767.98px)");

if (form) {
  form.addEventListener("change", (event) => {
    if (!event.target.matches("[data-apply]")) return;
    chooseOneKind(event.target);
    if (isNarrow.matches || !event.target.validity.valid) return;
    sessionStorage.setItem(KEY, JSON.stringify([event.target.name, event.target.value]));
    form.requestSubmit();
  });
  form.addEventListener("submit", leaveOutWhatIsEmpty);
  window.addEventListener("pageshow", () => { for (const element of form.elements) restore(element); });
  document.addEventListener("pointerdown", (event) => closePanels(event.target));
  form.addEventListener("focusout", (event) => { if (event.relatedTarget) closePanels(event.relatedTarget); });
  form.addEventListener("keydown", leavePanel);
  focusLast();
}

// A period, or days: whichever was chosen last.
function chooseOneKind(element) {
  const panel = element.closest("[data-panel]");
  const pair = panel?.querySelectorAll("[data-pair]") ?? [];
  if (!pair.length) return;
  if (element.type === "radio" && element.value) for (const side of pair) side.value = "";
  const blank = panel.querySelector("[type=radio][value='']");
  if (blank && element.matches("[data-pair]") && element.value) blank.checked = true;
}

// A URL says only what was asked for.
function leaveOutWhatIsEmpty() {
  for (const element of form.elements) {
    if (element.name && element.value === "" && !element.disabled) {
      element.dataset.empty = "yes";
      element.disabled = true;
    }
  }
}

function restore(element) {
  if (!element.dataset?.empty) return;
  delete element.dataset.empty;
  element.disabled = false;
}

function closePanels(target) {
  if (isNarrow.matches) return;
  for (const panel of form.querySelectorAll("[data-panel][open]")) {
    if (!panel.contains(target)) panel.open = false;
  }
}

function leavePanel(event) {
  const panel = event.key === "Escape" && event.target.closest("[data-panel][open]");
  if (!panel) return;
  event.preventDefault();
  panel.open = false;
  panel.querySelector("summary").focus();
}

function focusLast() {
  const [name, value] = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  sessionStorage.removeItem(KEY);
  const last = name && [...form.elements].filter((element) => element.name === name);
  if (!last?.length) return;
  const same = last.find((element) => element.value === value) ?? last[0];
  const panel = same.closest("[data-panel]");
  if (panel) panel.open = true;
  const visible = same instanceof HTMLSelectElement && same.hidden ? document.getElementById(same.dataset.inputId) : same;
  visible?.focus({ preventScroll: true });
}
