// The list follows its filters at once. The focus stays where it was, also on the page that comes.
// On a narrow screen the filters lie on a sheet of their own, and wait for its button.

const KEY = "backoffice.filter";
const form = document.querySelector("[data-filters]");
const isNarrow = window.matchMedia("(max-width: 767.98px)");

if (form) {
  form.addEventListener("change", (event) => {
    if (!event.target.matches("[data-apply]") || isNarrow.matches) return;
    if (event.target.type === "date" && !event.target.validity.valid) return;
    sessionStorage.setItem(KEY, event.target.name);
    form.requestSubmit();
  });
  form.addEventListener("submit", leaveOutWhatIsEmpty);
  window.addEventListener("pageshow", () => { for (const element of form.elements) restore(element); });
  focusLast();
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

function focusLast() {
  const name = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  const last = name && form.elements.namedItem(name);
  if (!last) return;
  const visible = last instanceof HTMLSelectElement && last.hidden ? document.getElementById(last.dataset.inputId) : last;
  visible?.focus({ preventScroll: true });
}
