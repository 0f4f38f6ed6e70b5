// Leaving a form that was changed, other than by submitting it, asks first.

const forms = [...document.querySelectorAll("form[data-guard]")];
const untouched = new Map(forms.map((form) => [form, snapshot(form)]));
let isLeaving = false;

for (const form of forms) {
  form.addEventListener("input", () => tell(form));
  form.addEventListener("change", () => tell(form));
  form.addEventListener("submit", () => { isLeaving = true; });
}

window.addEventListener("beforeunload", (event) => {
  if (!isLeaving && forms.some(isChanged)) event.preventDefault();
});

window.addEventListener("pageshow", () => { isLeaving = false; });

function tell(form) {
  const note = form.querySelector("[data-unsaved]");
  if (note) note.textContent = isChanged(form) ? "Not saved yet" : "";
}

function isChanged(form) {
  return snapshot(form) !== untouched.get(form);
}

function snapshot(form) {
  const values = [...new FormData(form)].map(([name, value]) => [name, value instanceof File ? value.name : value]);
  return JSON.stringify(values);
}
