// Moving columns up and down in the form that chooses them; what counts are their numbers.

const form = document.querySelector("[data-chooser]");
const status = form?.querySelector("[data-moved]");

form?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  const item = button.closest("[data-column]");
  const other = button.dataset.move === "1" ? item.nextElementSibling : item.previousElementSibling;
  if (!other) return;
  if (button.dataset.move === "1") other.after(item);
  else other.before(item);
  button.focus();
  number();
});

function number() {
  const items = [...form.querySelectorAll("[data-column]")];
  for (const [index, item] of items.entries()) item.querySelector("[type=number]").value = index + 1;
  const moved = document.activeElement.closest("[data-column]");
  status.textContent = `${moved.dataset.column}: ${items.indexOf(moved) + 1} of ${items.length}`;
}
